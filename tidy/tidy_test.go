package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/galgo-mq/galgo/"

// mayImport lists the folders of ours that each folder may import, itself and its own subfolders apart.
var mayImport = map[string][]string{
	"batch":       {},
	"fifo":        {},
	"wire":        {"batch"},
	"router":      {},
	"storage":     {"batch", "fifo"},
	"metadata":    {},
	"control":     {"fifo", "metadata"},
	"uring":       {},
	"auth":        {},
	"client":      {"batch", "wire"},
	"diagnose":    {"wire"},
	"front":       {"fifo", "uring", "wire"},
	"owner":       {"fifo", "metadata", "storage"},
	"board":       {"call", "metadata", "storage", "wire"},
	"call":        {"batch", "fifo", "metadata", "storage", "wire"},
	"shard":       {"batch", "board", "call", "control", "fifo", "front", "owner", "wire", "router", "storage", "metadata", "uring"},
	"server":      {"front", "metadata", "owner", "router", "shard", "storage", "uring", "wire"},
	"servertest":  {"auth", "client", "server", "shard"},
	"sim":         {"batch", "front", "owner", "wire", "router", "storage", "metadata", "uring", "shard"},
	"bench":       {"batch", "wire", "client"},
	"cmd":         {"auth", "batch", "bench", "client", "diagnose", "metadata", "server", "shard", "sim", "storage", "uring", "wire"},
	"e2e":         {},
	"conformance": {},
	"tidy":        {},
}

// core lists the folders that stand on the standard library, x/sys and a checksum; shard and server may log.
var core = []string{"batch", "board", "fifo", "front", "wire", "router", "storage", "metadata", "control", "owner", "call", "uring", "shard", "server"}

var coreLibraries = map[string][]string{
	"golang.org/x/sys/unix": {"uring", "server"},
	"github.com/zeebo/xxh3": {"batch", "wire", "storage", "metadata"},
	"go.uber.org/zap":       {"server", "shard"},

	"go.uber.org/zap/zapcore": {"shard"},
}

// pure lists the folders that decide and do not do.
var pure = []string{"batch", "fifo", "front", "wire", "storage", "metadata", "control", "owner", "call", "router"}

// driven lists the folders that are driven from outside: clock, chance, kernel and goroutines are given to them, but they may share
// between threads, shard by atomics only: what takes a lock is on the board.
var driven = []string{"board", "shard"}

// source is one Go file of the tree that is not a test.
type source struct {
	path, folder string // folder: the first one of the path
	file         *ast.File
	fset         *token.FileSet
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != ".." && (strings.HasPrefix(name, ".") || name == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(path, "../"))
		folder, _, _ := strings.Cut(rel, "/")
		all = append(all, source{rel, folder, f, fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d sources found: the check would prove nothing", len(all))
	}
	return all
}

func TestImports(t *testing.T) {
	for _, s := range sources(t) {
		allowed, known := mayImport[s.folder]
		if !known {
			t.Errorf("%s: folder %s is not on the map: give it a sentence there and a line here", s.path, s.folder)
			continue
		}
		for _, i := range s.file.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			if ours, ok := strings.CutPrefix(path, module); ok {
				folder, _, _ := strings.Cut(ours, "/")
				if folder != s.folder && !slices.Contains(allowed, folder) {
					t.Errorf("%s imports %s: %s may import %v of ours", s.path, folder, s.folder, allowed)
				}
				continue
			}
			if strings.Contains(strings.Split(path, "/")[0], ".") && slices.Contains(core, s.folder) && !slices.Contains(coreLibraries[path], s.folder) {
				t.Errorf("%s imports %s: the core stands on the standard library, x/sys and a checksum", s.path, path)
			}
		}
	}
}

// impureImports do things that deciding code must not do.
var impureImports = []string{"os", "net", "time/tzdata", "math/rand", "math/rand/v2", "crypto/rand", "os/exec", "io/ioutil", "golang.org/x/sys/unix", "unsafe"}

func TestPurity(t *testing.T) {
	for _, s := range sources(t) {
		isPure := slices.Contains(pure, s.folder)
		if !isPure && !slices.Contains(driven, s.folder) || strings.HasSuffix(s.path, "/planted_on.go") { // reads its switch from the environment
			continue
		}
		for _, i := range s.file.Imports {
			path := strings.Trim(i.Path.Value, `"`)
			if slices.Contains(impureImports, path) && !(path == "unsafe" && s.folder == "router") {
				t.Errorf("%s imports %s", s.path, path)
			}
			if path == "sync" && s.folder == "shard" {
				t.Errorf("%s imports %s: a shard takes no lock", s.path, path)
			}
			if strings.HasPrefix(path, "sync") && isPure && s.folder != "router" {
				t.Errorf("%s imports %s: only the mailbox uses atomics", s.path, path)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			at := func() token.Position { return s.fset.Position(n.Pos()) }
			switch x := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%v: goroutine in a pure package", at())
			case *ast.ChanType:
				t.Errorf("%v: channel in a pure package", at())
			case *ast.SelectorExpr:
				if id, ok := x.X.(*ast.Ident); ok && id.Name == "time" && (x.Sel.Name == "Now" || x.Sel.Name == "Sleep" || x.Sel.Name == "Since") {
					t.Errorf("%v: time.%s in a pure package", at(), x.Sel.Name)
				}
			}
			return true
		})
	}
}

// TestUnsafe keeps unsafe code and raw system calls in uring.
func TestUnsafe(t *testing.T) {
	for _, s := range sources(t) {
		for _, i := range s.file.Imports {
			if i.Path.Value == `"unsafe"` && s.folder != "uring" && s.folder != "router" {
				t.Errorf("%s imports unsafe: that belongs to uring", s.path)
			}
		}
	}
}

// TestPackagesSayWhatTheyAre: every package has a comment that says what it is for.
func TestPackagesSayWhatTheyAre(t *testing.T) {
	said, seen := map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		dir := filepath.Dir(s.path)
		seen[dir] = true
		if s.file.Doc != nil {
			said[dir] = true
		}
	}
	for dir := range seen {
		if !said[dir] {
			t.Errorf("package %s does not say what it is for", dir)
		}
	}
}

var mapRow = regexp.MustCompile("(?m)^\\| `([a-z0-9/]+)` \\|")

// TestMap compares the map of ARCHITECTURE.md with the tree.
func TestMap(t *testing.T) {
	text, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	onMap := map[string]bool{}
	_, section, _ := strings.Cut(string(text), "\n## Map\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, m := range mapRow.FindAllStringSubmatch(section, -1) {
		onMap[m[1]] = true
	}
	inTree := map[string]bool{}
	for _, s := range sources(t) {
		inTree[s.folder] = true
	}
	for f := range inTree {
		if !onMap[f] {
			t.Errorf("folder %s is not on the map of ARCHITECTURE.md", f)
		}
	}
	for f := range onMap {
		if !inTree[f] {
			t.Errorf("the map of ARCHITECTURE.md has a folder %s, the tree has not", f)
		}
	}
}

// TestDependencies: every direct dependency has a line that says what for.
func TestDependencies(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mod)) {
		f := strings.Fields(line)
		if len(f) < 2 || !strings.Contains(f[0], ".") || strings.Contains(line, "// indirect") {
			continue
		}
		if !strings.Contains(string(text), "`"+f[0]+"`") {
			t.Errorf("docs/dependencies.md has no line for %s", f[0])
		}
	}
}
