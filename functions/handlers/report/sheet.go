package report

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/go-pdf/fpdf"
)

// A page is A4, upright; lengths are millimetres, from its upper left corner.
const (
	pageWidth  = 210.0
	pageHeight = 297.0
	margin     = 12.0
	width      = pageWidth - 2*margin
	top        = 23.0              // where pages begin beneath their header
	bottom     = pageHeight - 17.0 // where the footer's room begins

	sans = "Helvetica"
	mono = "Courier"
)

type colour struct{ r, g, b int }

var (
	ink    = colour{31, 41, 55}
	faint  = colour{95, 103, 115}
	accent = colour{0, 84, 147}
	tint   = colour{238, 243, 248}
	stripe = colour{247, 249, 251}
	rule   = colour{209, 213, 219}
	alarm  = colour{168, 66, 0}
)

// statusColours can be told apart by eyes that see red and green alike, and on paper.
var statusColours = [len(life)]colour{
	{203, 213, 225}, {86, 180, 233}, {230, 159, 0}, {0, 114, 178}, {213, 94, 0}, {137, 144, 153},
}

// style is how a text looks.
type style struct {
	face   string
	bold   bool
	points float64
	colour colour
}

var (
	plain = style{sans, false, 8, ink}
	muted = style{sans, false, 7.5, faint}
	head  = style{sans, true, 7.5, ink}
)

// sheet is a page while it is drawn.
type sheet struct {
	pdf    *fpdf.Tpl
	cp1252 func(string) string
}

// printer draws sheets.
type printer struct{ cp1252 func(string) string }

func newPrinter() printer {
	return printer{fpdf.New("P", "mm", "A4", "").UnicodeTranslatorFromDescriptor("cp1252")}
}

// draw returns what paint draws, as a PDF page's content.
func (p printer) draw(paint func(s sheet)) ([]byte, error) {
	var err error
	page := fpdf.CreateTpl(fpdf.PointType{}, fpdf.SizeType{Wd: pageWidth, Ht: pageHeight}, "P", "mm", "", func(pdf *fpdf.Tpl) {
		pdf.SetAutoPageBreak(false, 0)
		pdf.SetCellMargin(0)
		paint(sheet{pdf, p.cp1252})
		err = pdf.Error()
	})
	if err != nil {
		return nil, fmt.Errorf("draw a page: %w", err)
	}
	return page.Bytes(), nil
}

var fontName = regexp.MustCompile(`/(\S+) \S+ Tf`)

// fonts are all that sheets use. The library alone knows their names in a page, so
// they are read from one.
func (p printer) fonts() ([]font, error) {
	var fonts []font
	for _, f := range []struct {
		base  string
		style style
	}{{"Helvetica", plain}, {"Helvetica-Bold", head}, {"Courier", style{face: mono, points: 8}}} {
		page, err := p.draw(func(s sheet) { s.set(f.style) })
		if err != nil {
			return nil, err
		}
		found := fontName.FindSubmatch(page)
		if found == nil {
			return nil, fmt.Errorf("draw a page: it does not name the font %s", f.base)
		}
		fonts = append(fonts, font{string(found[1]), f.base})
	}
	return fonts, nil
}

func (s sheet) set(look style) {
	bold := ""
	if look.bold {
		bold = "B"
	}
	s.pdf.SetFont(look.face, bold, look.points)
	s.pdf.SetTextColor(look.colour.r, look.colour.g, look.colour.b)
}

// text writes one line into a box, at its left (L), right (R) or in its middle (C), and
// cuts it where the box ends. Characters that the PDF's own fonts do not have become
// dots.
func (s sheet) text(x, y, w, h float64, look style, align, text string) {
	s.set(look)
	text = s.cp1252(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
	if s.pdf.GetStringWidth(text) > w {
		const ellipsis = "\x85"
		for text != "" && s.pdf.GetStringWidth(text+ellipsis) > w {
			text = text[:len(text)-1]
		}
		text += ellipsis
	}
	s.pdf.SetXY(x, y)
	s.pdf.CellFormat(w, h, text, "", 0, align, false, 0, "")
}

func (s sheet) box(x, y, w, h float64, c colour) {
	s.pdf.SetFillColor(c.r, c.g, c.b)
	s.pdf.Rect(x, y, w, h, "F")
}

func (s sheet) line(x, y, w float64, c colour) {
	s.pdf.SetDrawColor(c.r, c.g, c.b)
	s.pdf.SetLineWidth(0.2)
	s.pdf.Line(x, y, x+w, y)
}

func (s sheet) section(x, y, w float64, title string) {
	s.text(x, y, w, 6, style{sans, true, 11, ink}, "L", title)
}
