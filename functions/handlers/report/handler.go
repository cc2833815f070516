// Package report makes the files of handlers.GenerateReport: a tenant's own requests
// over a period, as a PDF to look at or as a CSV to compute with.
//
// # Design
//
// Rows are read once, page by page, and written to a temporary CSV file while they
// are counted. That file is the CSV report; the PDF is drawn from it. So what stands
// in memory is one page of rows, eight bytes for each ended request, which exact
// percentiles need, and the PDF while it is drawn.
package report

import (
	"context"
	"errors"
	"fmt"
	"os"
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
	var tally tally
	for i, day := range days {
		err := h.read(ctx, req.Tenant, day, func(row streamer.Summary) error {
			tally.add(row)
			return table.add(row)
		})
		if err != nil {
			return err
		}
		r.Report(between(30, 50, i+1, len(days)), fmt.Sprintf("Queried %d of %d days: %d requests", i+1, len(days), tally.total))
	}

	r.Step(50, "Processing...")
	if err := table.flush(); err != nil {
		return err
	}
	sums := tally.sums()
	r.Report(60, fmt.Sprintf("Summed up %d requests", sums.total))

	r.Step(70, "Rendering...")
	file, contentType, pages := table.file, "text/csv; charset=utf-8", 0
	if in.Format == handlers.FormatPDF {
		doc := newDocument(heading{tenant: req.Tenant, first: in.StartDate, last: in.EndDate, made: time.Now()})
		doc.overview(sums)
		err := table.each(ctx, func(n int, row []string) {
			doc.row(row)
			r.Report(between(70, 90, n, sums.total), fmt.Sprintf("Rendered %d of %d requests", n, sums.total))
		})
		if err != nil {
			return err
		}
		if file, err = doc.write(dir); err != nil {
			return err
		}
		defer file.Close()
		contentType, pages = "application/pdf", doc.pages()
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

// read gives every request of a day to row, the oldest first.
func (h ReportHandler) read(ctx context.Context, tenant string, day time.Time, row func(streamer.Summary) error) error {
	for page, last := "", false; !last; last = page == "" {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rows, next, err := h.History.Day(ctx, tenant, day, page)
		if err != nil {
			return fmt.Errorf("query %s: %w", day.Format(time.DateOnly), err)
		}
		for _, s := range rows {
			if err := row(s); err != nil {
				return err
			}
		}
		page = next
	}
	return nil
}

// between is how far n of total takes the percentage from one step to the next.
func between(from, to float64, n, total int) float64 {
	return from + (to-from)*float64(n)/float64(total)
}
