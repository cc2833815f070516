package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/go-pdf/fpdf"
)

// A page is A4, upright; lengths are millimetres.
const (
	margin     = 12.0
	pageWidth  = 210.0
	pageHeight = 297.0
	width      = pageWidth - 2*margin
	bottom     = pageHeight - 18 // where the footer's room begins

	sans = "Helvetica"
	mono = "Courier"
)

type colour struct{ r, g, b int }

var (
	ink    = colour{31, 41, 55}
	faint  = colour{107, 114, 128}
	accent = colour{29, 78, 216}
	tint   = colour{239, 244, 255}
	stripe = colour{248, 249, 251}
	rule   = colour{209, 213, 219}
)

// heading is what a report is about.
type heading struct {
	tenant      string
	first, last string
	made        time.Time
}

func (h heading) period() string {
	if h.first == h.last {
		return h.first
	}
	return h.first + " to " + h.last
}

// document draws a report from top to bottom. The library keeps the first error and
// does nothing from there on; write returns it.
type document struct {
	pdf     *fpdf.Fpdf
	heading heading
	cp1252  func(string) string
	listed  int
}

func newDocument(h heading) *document {
	pdf := fpdf.New("P", "mm", "A4", "")
	d := &document{pdf: pdf, heading: h, cp1252: pdf.UnicodeTranslatorFromDescriptor("cp1252")}
	pdf.SetTitle("Request report "+h.period(), true)
	pdf.SetAuthor("Streamer", true)
	pdf.SetCreationDate(h.made.UTC())
	pdf.SetModificationDate(h.made.UTC())
	pdf.SetMargins(margin, margin, margin)
	pdf.SetAutoPageBreak(false, 0)
	pdf.SetLineWidth(0.2)
	pdf.AliasNbPages("")
	pdf.SetHeaderFunc(d.header)
	pdf.SetFooterFunc(d.footer)
	pdf.AddPage()
	return d
}

// header repeats what the report is about on every page but the first, which says it
// in large letters.
func (d *document) header() {
	if d.pdf.PageNo() == 1 {
		return
	}
	d.style(sans, "", 8, faint)
	d.cell(width/2, 5, "Request report, "+d.heading.period(), "L")
	d.cell(width/2, 5, d.heading.tenant, "R")
	d.pdf.Ln(8)
}

func (d *document) footer() {
	d.pdf.SetY(pageHeight - 14)
	d.line(rule)
	d.pdf.Ln(2)
	d.style(sans, "", 8, faint)
	d.cell(width/3, 5, "Made "+d.heading.made.UTC().Format("2006-01-02 15:04:05")+" UTC", "L")
	d.cell(width/3, 5, fmt.Sprintf("Page %d of {nb}", d.pdf.PageNo()), "C")
	d.cell(width/3, 5, "All times are UTC", "R")
}

func (d *document) pages() int { return d.pdf.PageCount() }

// write stores the document in a file of dir.
func (d *document) write(dir string) (*os.File, error) {
	file, err := os.Create(filepath.Join(dir, "report.pdf"))
	if err != nil {
		return nil, fmt.Errorf("create the PDF: %w", err)
	}
	if err := d.pdf.Output(file); err != nil {
		return nil, errors.Join(fmt.Errorf("draw the PDF: %w", err), file.Close())
	}
	return file, nil
}

func (d *document) style(face, bold string, points float64, c colour) {
	d.pdf.SetFont(face, bold, points)
	d.pdf.SetTextColor(c.r, c.g, c.b)
}

func (d *document) fill(c colour) { d.pdf.SetFillColor(c.r, c.g, c.b) }

func (d *document) line(c colour) {
	d.pdf.SetDrawColor(c.r, c.g, c.b)
	y := d.pdf.GetY()
	d.pdf.Line(margin, y, margin+width, y)
}

// cell writes text on one line and cuts it where the cell ends. Characters that the
// PDF's own fonts do not have become dots.
func (d *document) cell(w, h float64, text, align string) {
	text = d.cp1252(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text))
	room := w - 2*d.pdf.GetCellMargin()
	if d.pdf.GetStringWidth(text) > room {
		const ellipsis = "\x85"
		for text != "" && d.pdf.GetStringWidth(text+ellipsis) > room {
			text = text[:len(text)-1]
		}
		text += ellipsis
	}
	d.pdf.CellFormat(w, h, text, "", 0, align, false, 0, "")
}
