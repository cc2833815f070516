package release

import (
	"bytes"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// sbom lists what the packages are made of, by what the programs themselves say: the Go
// release, and each module with its version and its licence. It has neither time nor serial number, so that
// the same programs have the same list.
func sbom(o Options, built []program) ([]byte, error) {
	bom := cdx.NewBOM()
	version := o.Version
	whole := &cdx.Component{
		BOMRef: "streamer", Type: cdx.ComponentTypeApplication, Name: "streamer", Version: version,
		PackageURL: "pkg:golang/github.com/pay-theory/streamer@" + version,
		Licenses:   &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}},
	}
	bom.Metadata = &cdx.Metadata{Component: whole}
	licensed, err := licences(o, built)
	if err != nil {
		return nil, err
	}
	modules, dependencies := map[string]cdx.Component{}, []cdx.Dependency{}
	var components []cdx.Component
	var parts []string
	for _, p := range built {
		component := cdx.Component{
			BOMRef: p.zip(), Type: cdx.ComponentTypeApplication, Name: p.zip(), Version: version,
			Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: p.sum}},
		}
		var needs []string
		for _, m := range p.modules() {
			c, err := library(m, licensed)
			if err != nil {
				return nil, fmt.Errorf("list what %s is made of: %w", p.function, err)
			}
			modules[c.BOMRef] = c
			needs = append(needs, c.BOMRef)
		}
		components, parts = append(components, component), append(parts, component.BOMRef)
		dependencies = append(dependencies, cdx.Dependency{Ref: component.BOMRef, Dependencies: &needs})
	}
	for _, ref := range slices.Sorted(maps.Keys(modules)) {
		components = append(components, modules[ref])
	}
	dependencies = append([]cdx.Dependency{{Ref: whole.BOMRef, Dependencies: &parts}}, dependencies...)
	bom.Components, bom.Dependencies = &components, &dependencies

	var out bytes.Buffer
	if err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return nil, fmt.Errorf("write the list of components: %w", err)
	}
	return out.Bytes(), nil
}

// modules are what a program is made of, the Go release included.
func (p program) modules() []*debug.Module {
	return append([]*debug.Module{{Path: std, Version: strings.TrimPrefix(p.info.GoVersion, "go")}}, p.info.Deps...)
}

// library is a module that is part of a program.
func library(m *debug.Module, licensed map[string][]string) (cdx.Component, error) {
	if m.Replace != nil {
		return cdx.Component{}, fmt.Errorf("%s is replaced by %s, which has no name elsewhere", m.Path, m.Replace.Path)
	}
	url := "pkg:golang/" + m.Path + "@" + m.Version
	var licences cdx.Licenses
	for _, id := range licensed[m.Path] {
		licences = append(licences, cdx.LicenseChoice{License: &cdx.License{ID: id}})
	}
	return cdx.Component{BOMRef: url, Type: cdx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: url, Licenses: &licences}, nil
}
