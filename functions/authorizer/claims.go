package authorizer

import (
	"slices"
	"strconv"
	"strings"
)

// lookup finds a claim by its name, or by a JSON Pointer (RFC 6901) where the name begins
// with "/": names of claims have dots, colons and slashes in them, but not there. Nil if
// there is none. A pointer goes through objects alone.
func lookup(claims map[string]any, name string) any {
	path, nested := strings.CutPrefix(name, "/")
	if !nested {
		return claims[name]
	}
	var value any = claims
	for step := range strings.SplitSeq(path, "/") {
		object, _ := value.(map[string]any)
		value = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
	}
	return value
}

// has tells whether a claim says what is wanted: it is that text or that truth value, or
// a list with that text in it, or, for scope and scp, text with that word in it (RFC
// 8693, 4.2).
func has(claims map[string]any, name, want string) bool {
	switch value := lookup(claims, name).(type) {
	case string:
		if name == "scope" || name == "scp" {
			return slices.Contains(strings.Split(value, " "), want)
		}
		return value == want
	case bool:
		return strconv.FormatBool(value) == want
	case []any:
		return slices.Contains(value, any(want))
	}
	return false
}
