package main

import (
	"strings"
	"unicode"
)

// clean takes out what would move a terminal's cursor or change its state: texts come
// from handlers, and handlers take them from anywhere.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Cf, r) && r != zeroWidthJoiner:
			return -1 // directions and the like
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
}

const (
	zeroWidthJoiner = '\u200d'
	ellipsis        = "…"
)

// wide are the characters that take two columns: East Asian ones, and emoji. Emoji that
// are joined into one are counted apart, so a line may be shorter than thought, and never
// longer.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1}, {0x231a, 0x231b, 1}, {0x23e9, 0x23ec, 1}, {0x23f0, 0x23f3, 3}, {0x25fd, 0x25fe, 1},
		{0x2614, 0x2615, 1}, {0x2648, 0x2653, 1}, {0x267f, 0x267f, 1}, {0x2693, 0x2693, 1}, {0x26a1, 0x26a1, 1},
		{0x26aa, 0x26ab, 1}, {0x26bd, 0x26be, 1}, {0x26c4, 0x26c5, 1}, {0x26ce, 0x26d4, 6}, {0x26ea, 0x26ea, 1},
		{0x26f2, 0x26f5, 1}, {0x26fa, 0x26fd, 3}, {0x2705, 0x2705, 1}, {0x270a, 0x270b, 1}, {0x2728, 0x2728, 1},
		{0x274c, 0x274e, 2}, {0x2753, 0x2757, 1}, {0x2795, 0x2797, 1}, {0x27b0, 0x27bf, 15}, {0x2b1b, 0x2b1c, 1},
		{0x2b50, 0x2b55, 5}, {0x2e80, 0x303e, 1}, {0x3041, 0xa4cf, 1}, {0xa960, 0xa97c, 1}, {0xac00, 0xd7a3, 1},
		{0xf900, 0xfaff, 1}, {0xfe10, 0xfe19, 1}, {0xfe30, 0xfe6f, 1}, {0xff00, 0xff60, 1}, {0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{{0x16fe0, 0x1b2fb, 1}, {0x1f000, 0x1faff, 1}, {0x20000, 0x3fffd, 1}},
}

// columns is how many columns of a terminal a character takes, at most.
func columns(r rune) int {
	switch {
	case r == '\ufe0f': // makes an emoji of what may be counted as narrow
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// width is how many columns a clean text takes, at most.
func width(s string) (n int) {
	for _, r := range s {
		n += columns(r)
	}
	return n
}

// fit makes a clean text n columns wide: it fills up with spaces, or cuts and says so.
func fit(s string, n int) string {
	if n <= 0 {
		return ""
	}
	if have := width(s); have <= n {
		return s + strings.Repeat(" ", n-have)
	}
	used := 0
	for i, r := range s {
		if used+columns(r) > n-1 {
			return s[:i] + ellipsis + strings.Repeat(" ", n-1-used)
		}
		used += columns(r)
	}
	return s
}
