// Package report makes the files of handlers.GenerateReport: a tenant's own requests
// over a period, as a PDF to look at or as a CSV to compute with.
//
// # Design
//
// Rows are read once, page by page, and written to a temporary CSV file while they
// are counted. That file is the CSV report; the PDF is drawn from it. The PDF too goes
// to a file page by page: fpdf, like every Go library with a free licence that was
// looked at, keeps a document until its end, which takes 300 MB for 100,000 rows. So it
// draws each page as a template of its own, and file.go, which knows no more of PDF than
// pages and fonts, puts them together. What stands in memory is a page of rows, a page
// of the PDF, and eight bytes for each ended request, which exact percentiles need:
// 2 MB for 100,000 rows (TestMemoryIsFlat).
package report

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pay-theory/streamer"
	"github.com/pay-theory/streamer/functions/handlers"
)

// ReportHandler does handlers.GenerateReport.
//
// A report is true to the moment it read each row. A period that covers today has the
// report's own request in it, as PROCESSING.
type ReportHandler struct {
	// History is where the requests are read from. It is required.
	History streamer.History
}

// Handle reads, sums up, draws, uploads and completes. It is a streamer.Handler. It
// stops with the cause of ctx once ctx ends, and leaves nothing on the disk.
func (h ReportHandler) Handle(ctx context.Context, req *streamer.Request[handlers.ReportIn], r streamer.Reporter[handlers.ReportOut]) (err error) {
	r.Step(10, "Initializing...")
	in := req.Payload
	days, err := in.Days()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "report-")
	if err != nil {
		return fmt.Errorf("make a place for the report: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	table, err := createTable(dir)
	if err != nil {
		return err
	}
	defer table.close()

	r.Step(30, "Querying data...")
	tally := newTally(days)
	read := 0
	for i, day := range days {
		err := h.read(ctx, req.Tenant, day, func(rows []streamer.Summary, part float64) error {
			for _, row := range rows {
				tally.add(row)
				if err := table.add(row); err != nil {
					return err
				}
			}
			read += len(rows)
			r.Report(30+20*(float64(i)+part)/float64(len(days)), fmt.Sprintf("Queried %s, %s so far", day.Format(time.DateOnly), counted(read, "request")))
			return nil
		})
		if err != nil {
			return err
		}
	}

	r.Step(50, "Processing...")
	if err := table.flush(); err != nil {
		return err
	}
	sums := tally.sums()
	r.Report(60, "Summed up "+counted(sums.total, "request"))

	r.Step(70, "Rendering...")
	file, contentType, pages := table.file, "text/csv; charset=utf-8", 0
	if in.Format == handlers.FormatPDF {
		if file, err = os.Create(filepath.Join(dir, "report.pdf")); err != nil {
			return fmt.Errorf("create the PDF: %w", err)
		}
		defer file.Close()
		contentType = "application/pdf"
		rows, err := table.rows()
		if err != nil {
			return err
		}
		d := document{tenant: req.Tenant, first: in.StartDate, last: in.EndDate, made: time.Now(), sums: sums}
		pages, err = d.write(ctx, file, rows, func(drawn int) {
			if drawn > 0 {
				r.Report(70+20*float64(drawn)/float64(sums.total), fmt.Sprintf("Rendered %s of %s", grouped(drawn), counted(sums.total, "request")))
			}
		})
		if err != nil {
			return err
		}
	}

	r.Step(90, "Uploading...")
	name := fmt.Sprintf("requests-%s-to-%s.%s", in.StartDate, in.EndDate, in.Format)
	if _, err := file.Seek(0, 0); err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	stored, err := req.Files.Put(ctx, name, contentType, file)
	if err != nil {
		return fmt.Errorf("upload %s: %w", name, err)
	}
	return r.Complete(handlers.ReportOut{File: stored, Pages: pages, Rows: sums.total})
}

// read gives the requests of a day to take, page by page, the oldest first, with the
// part of the day that is read then.
func (h ReportHandler) read(ctx context.Context, tenant string, day time.Time, take func(rows []streamer.Summary, part float64) error) error {
	for page, last := "", false; !last; {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rows, next, err := h.History.Day(ctx, tenant, day, page)
		if err != nil {
			return fmt.Errorf("query %s: %w", day.Format(time.DateOnly), err)
		}
		page, last = next, next == ""
		part := 0.0
		switch {
		case last:
			part = 1
		case len(rows) > 0:
			part = rows[len(rows)-1].CreatedAt.Sub(day).Hours() / 24
		}
		if err := take(rows, part); err != nil {
			return err
		}
	}
	return nil
}
