package diagnose

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"text/tabwriter"
	"unicode"
)

// columns aligns what is written with tabs between.
func columns(to *bytes.Buffer) *tabwriter.Writer { return tabwriter.NewWriter(to, 0, 1, 2, ' ', 0) }

// compare shows structs of one type side by side: a line for each field, those of structs within under their own names. So
// a counter that is added is shown without more.
func compare(to *bytes.Buffer, all []any) {
	if len(all) == 0 {
		to.WriteString("none\n")
		return
	}
	w := columns(to)
	defer w.Flush()
	w.Write([]byte("shard"))
	for i := range all {
		fmt.Fprintf(w, "\t%d", i)
	}
	w.Write([]byte("\n"))
	values := make([]reflect.Value, len(all))
	for i, v := range all {
		values[i] = reflect.ValueOf(v)
	}
	compareFields(w, "", values)
}

func compareFields(w *tabwriter.Writer, prefix string, values []reflect.Value) {
	t := values[0].Type()
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		fields := make([]reflect.Value, len(values))
		for k, v := range values {
			fields[k] = v.Field(i)
		}
		if f.Type.Kind() == reflect.Struct {
			compareFields(w, prefix+f.Name+".", fields)
			continue
		}
		w.Write([]byte(prefix + f.Name))
		for _, v := range fields {
			fmt.Fprintf(w, "\t%v", v.Interface())
		}
		w.Write([]byte("\n"))
	}
}

// printable replaces what would break a line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}
