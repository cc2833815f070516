package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/doc"
	"go/types"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/pay-theory/streamer/protocol"
)

// wire is all that travels.
type wire struct {
	schemas
	about    string // the package's own words
	frames   []frame
	messages []message
	codes    []code
	limits   []limit
	actions  []action
}

// frame is one that the server sends.
type frame struct {
	name  string // of its schema
	typ   protocol.Type
	event bool // it is about the life of a request, and answers nothing
}

// frameName is the name of a frame's schema.
func frameName(typ protocol.Type) string { return title(string(typ)) + "Frame" }

// code is one that Streamer itself uses.
type code struct {
	value       protocol.Code
	description string
}

// limit is one of a message, a request or a connection.
type limit struct {
	name        string
	value       int64
	description string
}

// read makes the schemas of everything in package protocol, and of the declared actions.
func read(src *source) (*wire, error) {
	w := &wire{schemas: schemas{src: src, defs: map[string]*jsonschema.Schema{}, names: map[string]string{}, called: map[string]words{}}}
	for _, step := range []func() error{w.readLimits, w.readCodes, w.readFrames, w.readMessages, w.readActions, w.readAbout} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return w, nil
}

var camel = regexp.MustCompile(`([a-z0-9])([A-Z])`)

func upperSnake(name string) string {
	return strings.ToUpper(camel.ReplaceAllString(name, "${1}_$2"))
}

// readLimits reads the numbers of limits.go, durations in milliseconds, and what every
// constant of the package is called where Go is not spoken.
func (w *wire) readLimits() error {
	pkg := w.src.protocol.Types
	called := words{}
	w.called[pkg.Path()] = called
	var found []*types.Const
	for _, name := range pkg.Scope().Names() {
		c, ok := pkg.Scope().Lookup(name).(*types.Const)
		if !ok || !c.Exported() {
			continue
		}
		switch file := w.src.fset.Position(c.Pos()).Filename; {
		case c.Val().Kind() == constant.String:
			called[name] = constant.StringVal(c.Val())
		case filepath.Base(file) == "limits.go":
			found = append(found, c)
			called[name] = upperSnake(name)
			if isDuration(c.Type()) {
				called[name] += "_MS"
			}
		}
	}
	inOrder(found)
	for _, c := range found {
		value, _ := constant.Int64Val(c.Val())
		if isDuration(c.Type()) {
			value = time.Duration(value).Milliseconds()
		}
		description, err := w.describe(c)
		if err != nil {
			return err
		}
		w.limits = append(w.limits, limit{called[c.Name()], value, description})
	}
	return nil
}

func (w *wire) readCodes() error {
	codes := w.src.protocol.Types.Scope().Lookup("Code")
	description, err := w.describe(codes)
	if err != nil {
		return err
	}
	def := &jsonschema.Schema{Description: description}
	for _, c := range constants(codes.Pkg(), codes.Type()) {
		described := code{value: protocol.Code(constant.StringVal(c.Val()))}
		if described.description, err = w.describe(c); err != nil {
			return err
		}
		w.codes = append(w.codes, described)
		def.OneOf = append(def.OneOf, &jsonschema.Schema{
			Const:       jsonschema.Ptr[any](described.value),
			Description: described.description,
			Extra:       map[string]any{"x-retryable": described.value.Retryable()},
		})
	}
	w.defs["Code"] = def
	return nil
}

// readFrames finds the frames by their method Type.
func (w *wire) readFrames() error {
	all := &jsonschema.Schema{Description: "One message from the server to a client. A client skips types that it does not know."}
	w.defs["Frame"] = all
	for _, file := range w.src.protocol.Syntax {
		for _, decl := range file.Decls {
			method, ok := decl.(*ast.FuncDecl)
			if !ok || method.Name.Name != "Type" || method.Recv == nil {
				continue
			}
			typ, constant, err := w.returned(method)
			if err != nil {
				return err
			}
			if !constant {
				continue
			}
			if err := w.readFrame(method, typ); err != nil {
				return fmt.Errorf("frame %s: %w", typ, err)
			}
		}
	}
	for _, f := range w.frames {
		all.OneOf = append(all.OneOf, ref(f.name))
	}
	return nil
}

// returned is the constant that a method returns, if it returns one.
func (w *wire) returned(method *ast.FuncDecl) (typ protocol.Type, is bool, err error) {
	if len(method.Body.List) != 1 {
		return "", false, fmt.Errorf("%s: Type does more than return", w.src.fset.Position(method.Pos()))
	}
	result := method.Body.List[0].(*ast.ReturnStmt).Results[0]
	value := w.src.protocol.TypesInfo.Types[result].Value
	if value == nil {
		return "", false, nil
	}
	return protocol.Type(constant.StringVal(value)), true, nil
}

func (w *wire) readFrame(method *ast.FuncDecl, typ protocol.Type) error {
	named := w.src.protocol.TypesInfo.Defs[method.Name].(*types.Func).Signature().Recv().Type().(*types.Named)
	f := frame{name: frameName(typ), typ: typ}
	members, ok := named.Underlying().(*types.Struct)
	if !ok {
		return fmt.Errorf("%s is no struct", named)
	}
	for i := range members.NumFields() {
		f.event = f.event || members.Field(i).Embedded() && members.Field(i).Name() == "Event"
	}
	w.names[types.TypeString(named, nil)] = f.name
	def, err := w.ofStruct(members)
	if err != nil {
		return err
	}
	if def.Description, err = w.describe(named.Obj()); err != nil {
		return err
	}
	def.Properties["type"] = &jsonschema.Schema{Const: jsonschema.Ptr[any](typ)}
	def.PropertyOrder = append([]string{"type"}, def.PropertyOrder...)
	def.Required = append([]string{"type"}, def.Required...)
	w.defs[f.name] = def
	w.frames = append(w.frames, f)
	return nil
}

var docLink = regexp.MustCompile(`\[(\w+)\]`)

// readAbout reads what the package says of itself to those who speak no Go; its links lead
// to frames.
func (w *wire) readAbout() error {
	for _, file := range w.src.protocol.Syntax {
		if file.Doc == nil {
			continue
		}
		_, design, _ := strings.Cut(file.Doc.Text(), "# Design\n")
		design, _, _ = strings.Cut(design, "\n# ")
		text := docLink.ReplaceAllStringFunc(doc.Synopsis(file.Doc.Text())+"\n"+design, func(link string) string {
			name := w.names[protocolPath+"."+strings.Trim(link, "[]")]
			for _, f := range w.frames {
				if f.name == name {
					return string(f.typ)
				}
			}
			return link
		})
		w.about = describe(text, "Package protocol", w.wordsOf(w.src.protocol.Types))
	}
	return nil
}
