package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// warnIggy says what was asked for and is missing, in one line, and which names are not known, in a line each.
func (c *Config) warnIggy(values map[string]iggyValue, ignored []string) {
	asked := map[string][]string{} // by what is missing
	for _, flag := range ignored {
		asked[missingFlags] = append(asked[missingFlags], flag)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := values[name]
		switch row := lookupIggy(name); {
		case row == nil:
			w := v.where() + " is not a setting and changes nothing"
			if meant := nearest(name, iggyNames()); meant != "" && v.file == "" {
				w += ": did you mean " + meant + "?"
			} else if meant != "" {
				w += ": did you mean the key of " + meant + "?"
			}
			c.Warnings = append(c.Warnings, w)
		case row.missing != "" && !row.content(name, values):
			asked[row.missing] = append(asked[row.missing], v.name)
		}
	}
	var parts []string
	for _, missing := range missingInOrder() {
		if names := asked[missing]; len(names) > 0 {
			parts = append(parts, missing+" ("+someOf(names)+")")
		}
	}
	if len(parts) > 0 {
		c.Warnings = append(c.Warnings, "asked for, but not there, so that it changes nothing: "+strings.Join(parts, "; "))
	}
}

// warnClamped says in one line which values are beyond what there is here, and what is used. What another source said in their
// place is not spoken of.
func (c *Config) warnClamped(all []clamped) {
	var parts []string
	for _, k := range all {
		if k.s.show() == k.shown {
			parts = append(parts, k.used+" for "+k.asked.where()+"="+k.asked.text)
		}
	}
	if len(parts) > 0 {
		c.Warnings = append(c.Warnings, "asked for, but beyond what there is here, so that the nearest is used: "+strings.Join(parts, "; "))
	}
}

const missingFlags = "flags of Iggy 0.8"

// content says whether what the variable of that name asks for is so anyway.
func (v *iggyVariable) content(name string, values map[string]iggyValue) bool {
	prefix, family := v.family()
	if !family {
		return strings.EqualFold(values[name].text, v.fine)
	}
	on, err := parseBool(values[prefix+"ENABLED"].text)
	if err != nil {
		on = !v.asleep
	}
	return !on
}

func missingInOrder() []string {
	all := []string{missingFlags}
	for _, v := range iggyVariables {
		if v.missing != "" && !slices.Contains(all, v.missing) {
			all = append(all, v.missing)
		}
	}
	return all
}

const namesShown = 3

func someOf(names []string) string {
	if more := len(names) - namesShown; more > 0 {
		return strings.Join(names[:namesShown], ", ") + " and " + strconv.Itoa(more) + " more"
	}
	return strings.Join(names, ", ")
}

// iggyNames lists what may have been meant by a name that is not known.
func iggyNames() (names []string) {
	for _, v := range iggyVariables {
		if prefix, family := v.family(); family {
			names = append(names, prefix+"ENABLED", prefix+"ADDRESS")
		} else {
			names = append(names, v.name)
		}
	}
	return names
}
