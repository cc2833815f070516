package main

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/constant"
	"go/types"
	"slices"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"golang.org/x/tools/go/packages"

	"github.com/pay-theory/streamer"
)

// action is one that a package declares.
type action struct {
	streamer.Spec
	description     string
	payload, result *jsonschema.Schema
	in, out         types.Type
}

// readActions reads what the packages declare: variables of type streamer.Action. Results
// come first, so that a type of both is open, as a client must take it.
func (w *wire) readActions() error {
	for _, pkg := range w.src.declare {
		found, err := w.declared(pkg)
		if err != nil {
			return err
		}
		w.actions = append(w.actions, found...)
	}
	if len(w.src.declare) == 0 {
		return nil
	}
	if len(w.actions) == 0 {
		return errors.New("the packages declare no action: no variable is a streamer.Action")
	}
	var entries []streamer.Entry
	for _, a := range w.actions {
		entries = append(entries, streamer.Action[any, any]{Name: a.Name, Async: a.Async, Timeout: a.Timeout, Attempts: a.Attempts, Backoff: a.Backoff})
	}
	if _, err := streamer.NewRegistry(entries...); err != nil {
		return err
	}
	for i, e := range entries {
		w.actions[i].Spec = e.Spec()
	}
	slices.SortFunc(w.actions, func(a, b action) int { return cmp.Compare(a.Name, b.Name) })
	return w.typeActions()
}

// typeActions makes the schemas of payloads and results.
func (w *wire) typeActions() (err error) {
	all := &jsonschema.Schema{Type: "object", Description: "The actions by their names: what each takes and gives.", Properties: map[string]*jsonschema.Schema{}}
	w.defs["Actions"] = all
	w.role = ofResult
	for i := range w.actions {
		a := &w.actions[i]
		if a.result, err = w.of(a.out); err != nil {
			return fmt.Errorf("action %q: result: %w", a.Name, err)
		}
	}
	w.role = ofPayload
	defer func() { w.role = ofFrame }()
	for i := range w.actions {
		a := &w.actions[i]
		if a.payload, err = w.of(a.in); err != nil {
			return fmt.Errorf("action %q: payload: %w", a.Name, err)
		}
	}
	for _, a := range w.actions {
		all.Properties[a.Name] = &jsonschema.Schema{
			Type: "object", Description: a.description,
			Properties:    map[string]*jsonschema.Schema{"payload": a.payload, "result": a.result},
			PropertyOrder: []string{"payload", "result"}, Required: []string{"payload", "result"},
		}
		all.PropertyOrder = append(all.PropertyOrder, a.Name)
		all.Required = append(all.Required, a.Name)
	}
	return nil
}

// declared finds a package's actions. Their settings must be constants: nothing is run here.
func (w *wire) declared(pkg *packages.Package) (found []action, err error) {
	for _, variables := range pkg.TypesInfo.InitOrder {
		variable := variables.Lhs[0]
		if !isAction(variable.Type()) {
			continue
		}
		a, err := settings(pkg.TypesInfo, variables.Rhs)
		if err != nil {
			return nil, fmt.Errorf("%s: action %s: %w", w.src.fset.Position(variable.Pos()), variable.Name(), err)
		}
		args := types.Unalias(variable.Type()).(*types.Named).TypeArgs()
		a.in, a.out = args.At(0), args.At(1)
		w.wordsOf(pkg.Types)[variable.Name()] = a.Name
		if a.description, err = w.describe(variable); err != nil {
			return nil, err
		}
		found = append(found, a)
	}
	return found, nil
}

func isAction(t types.Type) bool {
	named, ok := types.Unalias(t).(*types.Named)
	return ok && named.Obj().Name() == "Action" && named.Obj().Pkg() != nil && named.Obj().Pkg().Path() == module
}

// settings reads the fields of an action's literal.
func settings(info *types.Info, value ast.Expr) (a action, err error) {
	literal, ok := value.(*ast.CompositeLit)
	if !ok {
		return a, errors.New("is no literal, streamer.Action[…]{…}, so its name cannot be read")
	}
	err = eachField(info, literal, func(field string, value constant.Value) {
		number, _ := constant.Int64Val(constant.ToInt(value)) // zero for what is none
		switch field {
		case "Name":
			a.Name = constant.StringVal(value)
		case "Async":
			a.Async = constant.BoolVal(value)
		case "Timeout":
			a.Timeout = time.Duration(number)
		case "Attempts":
			a.Attempts = int(number)
		case "First":
			a.Backoff.First = time.Duration(number)
		case "Most":
			a.Backoff.Most = time.Duration(number)
		}
	})
	return a, err
}

// eachField visits the fields of a literal, and of those within it, which must be constants.
func eachField(info *types.Info, literal *ast.CompositeLit, visit func(field string, value constant.Value)) error {
	for _, element := range literal.Elts {
		pair, ok := element.(*ast.KeyValueExpr)
		if !ok {
			return errors.New("its fields have no names")
		}
		field := pair.Key.(*ast.Ident).Name
		if inner, ok := pair.Value.(*ast.CompositeLit); ok {
			if err := eachField(info, inner, visit); err != nil {
				return err
			}
			continue
		}
		value := info.Types[pair.Value].Value
		if value == nil {
			return fmt.Errorf("%s is not a constant", field)
		}
		visit(field, value)
	}
	return nil
}
