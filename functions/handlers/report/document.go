package report

import (
	"context"
	"fmt"
	"io"
	"time"
)

// document is a report as a PDF: an overview, then the table of all its requests.
type document struct {
	tenant      string
	first, last string
	made        time.Time
	sums        sums
}

func (d document) period() string {
	if d.first == d.last {
		return d.first
	}
	return d.first + " to " + d.last
}

// write draws the document to w page by page. It tells progress how many rows are
// drawn, and returns the number of pages.
func (d document) write(ctx context.Context, w io.Writer, rows *rows, progress func(drawn int)) (int, error) {
	printer := newPrinter()
	fonts, err := printer.fonts()
	if err != nil {
		return 0, err
	}
	pages := paginate(d.overview(), d.sums.total)
	file := newFile(w, fonts)
	drawn := 0
	for i, page := range pages {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		listed, err := rows.next(page.rows)
		if err != nil {
			return 0, err
		}
		content, err := printer.draw(func(s sheet) {
			for _, placed := range page.blocks {
				placed.draw(s, placed.y)
			}
			if len(listed) > 0 {
				list(s, page.listY, drawn, listed)
			}
			d.frame(s, i+1, len(pages))
		})
		if err != nil {
			return 0, err
		}
		file.page(content)
		drawn += len(listed)
		progress(drawn)
	}
	return len(pages), file.close("Request report "+d.period(), d.made)
}

// frame draws what stands on every page: what the report is about, but on the first,
// which says it in large letters, and which page it is.
func (d document) frame(s sheet, page, pages int) {
	if page > 1 {
		s.text(margin, 10, width/2, 5, muted, "L", "Request report, "+d.period())
		s.text(margin+width/2, 10, width/2, 5, muted, "R", d.tenant)
		s.line(margin, 16.5, width, rule)
	}
	y := pageHeight - 13.0
	s.line(margin, y, width, rule)
	s.text(margin, y+2, width/3, 5, muted, "L", "Made "+d.madeAt())
	s.text(margin+width/3, y+2, width/3, 5, muted, "C", fmt.Sprintf("Page %s of %s", grouped(page), grouped(pages)))
	s.text(margin+2*width/3, y+2, width/3, 5, muted, "R", "All times are UTC")
}

func (d document) madeAt() string { return d.made.UTC().Format("2006-01-02 15:04:05") + " UTC" }
