package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/limits"
	"github.com/pay-theory/streamer/protocol"
)

// The most that one call deletes ("BatchWriteItem" in the Amazon DynamoDB API reference,
// "DeleteObjects" in the Amazon S3 API reference).
const (
	itemBatch   = 25
	objectBatch = 1000
)

// holdings are what a stage keeps of a tenant, or of a user.
type holdings struct {
	Requests int `json:"requests"`
	Open     int `json:"open"` // of them
	// Beside are items beside the rows, of payloads, checkpoints and effects; Ledgers those of
	// limits.
	Beside      int   `json:"beside"`
	Ledgers     int   `json:"ledgers"`
	Connections int   `json:"connections"`
	Files       int   `json:"files"` // each version of one, in a bucket that keeps them
	Bytes       int64 `json:"bytes"`
	// Nameless are files of the tenant's requests whose rows have expired, and items beside
	// such rows: whose they are is not known any more, so they are no user's. They go by
	// themselves.
	Nameless int `json:"nameless"`

	ids         map[string]bool                   // of the requests
	rows, items []map[string]types.AttributeValue // their keys
	connections []string
	objects     []s3types.ObjectIdentifier
}

func (h holdings) nothing() bool {
	return len(h.rows)+len(h.items)+len(h.connections)+len(h.objects) == 0
}

// forgotten is what forget says: what there was, and what is left.
type forgotten struct {
	Before holdings `json:"before"`
	Left   holdings `json:"left"`
}

func forgetCommand(flags *flag.FlagSet) task {
	var w who
	w.flags(flags)
	open := flags.Bool("open", false, "also requests that have not ended: who works on them finds nothing to write to")
	return func(ctx context.Context, s *session, args []string) error {
		if err := w.validate(); err != nil {
			return err
		}
		if w.tenant == "" || len(args) > 0 {
			return usageError{errors.New("say whose data: -tenant, and -user for one user of it")}
		}
		whose := "all of tenant " + w.tenant
		if w.user != "" {
			whose = of(w.tenant, w.user)
		}
		before, err := s.holdings(ctx, w, nil)
		if err != nil {
			return err
		}
		s.head()
		if !s.json {
			fmt.Fprintf(s.out, "%s\n", plain(whose))
			before.show(s.out)
		}
		switch {
		case before.nothing():
			return s.tell(forgotten{before, before}, func(out io.Writer) error { return elsewhere(out, before) })
		case before.Open > 0 && !*open:
			return fmt.Errorf("%w: %s not ended: cancel them, or -open deletes them under whoever works on them", errRefused, have(before.Open))
		}
		if err := s.confirm("Delete it for good?"); err != nil {
			return err
		}
		failed := s.forget(ctx, before)
		left, err := s.holdings(ctx, w, before.ids)
		if failed = errors.Join(failed, err); failed != nil {
			return failed
		}
		if late := left.of(before); !late.nothing() {
			failed = s.forget(ctx, late)
			left, err = s.holdings(ctx, w, before.ids)
			if failed = errors.Join(failed, err); failed != nil {
				return failed
			}
		}
		if err := s.tell(forgotten{before, left}, func(out io.Writer) error {
			fmt.Fprintln(out, "\nlooked again")
			left.show(out)
			return elsewhere(out, left)
		}); err != nil {
			return err
		}
		if !left.nothing() {
			return errors.New("something came meanwhile: have the issuer refuse their tokens, and run it again")
		}
		return nil
	}
}

func have(n int) string {
	if n == 1 {
		return "1 request has"
	}
	return fmt.Sprintf("%d requests have", n)
}

func (h holdings) show(out io.Writer) {
	for _, line := range []struct {
		n    int
		what string
	}{
		{h.Requests, fmt.Sprintf("requests, %d of them open", h.Open)}, {h.Beside, "items beside them: payloads, checkpoints, effects"},
		{h.Ledgers, "ledgers of limits"}, {h.Connections, "connections"}, {h.Files, fmt.Sprintf("files, of %d bytes", h.Bytes)},
	} {
		fmt.Fprintf(out, "  %6d  %s\n", line.n, line.what)
	}
}

// elsewhere says what no deletion here reaches.
func elsewhere(out io.Writer, h holdings) error {
	if h.Nameless > 0 {
		fmt.Fprintf(out, "\n%d files and items are of requests of the tenant whose rows have expired:\nwhose is not known. They go by themselves, as the bucket's and the table's\ntimes to live say.\n", h.Nameless)
	}
	fmt.Fprintln(out, "\nNot deleted, since nothing can delete a part of it: log lines, which go when\ntheir log group's retention says, the tables' streams of the last 24 hours,\ntheir backups of the last 35 days, and ids of requests and tenants in hints of\nthe last 14 days and in X-Ray's traces of the last 30.")
	return nil
}

// holdings looks at all of both tables, and at the tenant's files. That reads every item of
// the stage, which is what makes it a proof. Requests that are gone by now are theirs, too.
func (s *session) holdings(ctx context.Context, w who, gone map[string]bool) (holdings, error) {
	h := holdings{ids: map[string]bool{}}
	ids, err := s.itemsOf(ctx, w, gone, &h)
	if err != nil {
		return h, err
	}
	return h, errors.Join(s.linksOf(ctx, w, &h), s.objectsOf(ctx, w, ids, &h))
}

// of is what is left of requests whose rows are gone: what somebody who worked on one wrote
// after it was looked at, and before the row was deleted. Nobody will know whose it was.
func (h holdings) of(before holdings) holdings {
	gone := func(id string) bool { return before.ids[id] && !h.ids[id] }
	var late holdings
	for _, key := range h.items {
		if of, err := lifecycle.ParsePK(text(key[contract.PK])); err == nil && gone(of.ID) {
			late.items = append(late.items, key)
		}
	}
	for _, object := range h.objects {
		if parts := strings.Split(strings.TrimPrefix(aws.ToString(object.Key), contract.FilesPrefix), "/"); len(parts) > 1 && gone(parts[1]) {
			late.objects = append(late.objects, object)
		}
	}
	return late
}

// itemsOf finds the items of the requests table, and returns whether requests are theirs, by
// their ids.
func (s *session) itemsOf(ctx context.Context, w who, gone map[string]bool, h *holdings) (map[string]bool, error) {
	ids, beside := map[string]bool{}, map[string][]map[string]types.AttributeValue{}
	maps.Copy(ids, gone)
	prefix := lifecycle.Key{Tenant: w.tenant}.PK()
	err := scan(ctx, s, s.requestsTable, []string{contract.PK, contract.SK, "user", contract.StatusAttribute}, func(item map[string]types.AttributeValue) {
		pk, sk := text(item[contract.PK]), text(item[contract.SK])
		key := map[string]types.AttributeValue{contract.PK: item[contract.PK], contract.SK: item[contract.SK]}
		id, own := strings.CutPrefix(pk, prefix)
		switch {
		case sk == contract.SKLedger && limits.Owned(pk, w.tenant, w.user):
			h.Ledgers++
			h.items = append(h.items, key)
		case !own:
		case sk != contract.SKMeta:
			beside[id] = append(beside[id], key)
		case w.user == "" || text(item["user"]) == w.user:
			h.Requests++
			if !protocol.Status(text(item[contract.StatusAttribute])).Terminal() {
				h.Open++
			}
			ids[id], h.ids[id] = true, true
			h.rows = append(h.rows, key)
		default:
			ids[id] = false // another user's
		}
	})
	for id, keys := range beside {
		mine, known := ids[id]
		switch {
		case mine || w.user == "":
			h.Beside += len(keys)
			h.items = append(h.items, keys...)
		case !known:
			h.Nameless += len(keys)
		}
	}
	return ids, err
}

func (s *session) linksOf(ctx context.Context, w who, h *holdings) error {
	return scan(ctx, s, s.connections.Table, []string{contract.ConnectionID, "tenant", "user"}, func(item map[string]types.AttributeValue) {
		if text(item["tenant"]) == w.tenant && (w.user == "" || text(item["user"]) == w.user) {
			h.Connections++
			h.connections = append(h.connections, text(item[contract.ConnectionID]))
		}
	})
}

// objectsOf finds the files of requests, and what was uploaded for them: all versions, if the
// bucket was brought and keeps them, and what marks one as deleted.
func (s *session) objectsOf(ctx context.Context, w who, ids map[string]bool, h *holdings) error {
	prefix := contract.FilesPrefix + w.tenant + "/"
	owner := sha256.Sum256([]byte(w.user))
	uploads := "_uploads/" + hex.EncodeToString(owner[:]) + "/"
	owned := func(key, version *string) bool {
		rest := strings.TrimPrefix(aws.ToString(key), prefix)
		id, _, _ := strings.Cut(rest, "/")
		mine, known := ids[id]
		switch {
		case mine || w.user == "" || strings.HasPrefix(rest, uploads):
			h.objects = append(h.objects, s3types.ObjectIdentifier{Key: key, VersionId: version})
			return true
		case !known && id != "_uploads":
			h.Nameless++
		}
		return false
	}
	pages := s3.NewListObjectVersionsPaginator(s.files.Client, &s3.ListObjectVersionsInput{Bucket: &s.files.Name, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list files: %w", explain(err))
		}
		for _, v := range page.Versions {
			if owned(v.Key, v.VersionId) {
				h.Files++
				h.Bytes += aws.ToInt64(v.Size)
			}
		}
		for _, m := range page.DeleteMarkers {
			owned(m.Key, m.VersionId)
		}
	}
	return nil
}

// scan calls found with each item of a table.
func scan(ctx context.Context, s *session, table string, attributes []string, found func(map[string]types.AttributeValue)) error {
	names := map[string]string{}
	var list []string
	for _, a := range attributes {
		names["#"+a] = a
		list = append(list, "#"+a)
	}
	pages := dynamodb.NewScanPaginator(s.tables, &dynamodb.ScanInput{
		TableName: &table, ConsistentRead: aws.Bool(true), ProjectionExpression: aws.String(strings.Join(list, ", ")), ExpressionAttributeNames: names,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("read all of %s: %w", table, explain(err))
		}
		for _, item := range page.Items {
			found(item)
		}
	}
	return nil
}

func text(v types.AttributeValue) string {
	s, _ := v.(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}

// forget deletes: connections first, so that nobody hears of the rest; the rows last, since
// they say whose files and items are, so that it may be run again after whatever failed.
func (s *session) forget(ctx context.Context, h holdings) (failed error) {
	for _, id := range h.connections {
		_, err := hangUp(ctx, s, id)
		failed = errors.Join(failed, err, s.connections.Delete(ctx, id))
	}
	for batch := range slices.Chunk(h.objects, objectBatch) {
		failed = errors.Join(failed, s.deleteObjects(ctx, batch))
	}
	for batch := range slices.Chunk(h.items, itemBatch) {
		failed = errors.Join(failed, s.deleteItems(ctx, batch))
	}
	if failed != nil {
		return failed
	}
	for batch := range slices.Chunk(h.rows, itemBatch) {
		failed = errors.Join(failed, s.deleteItems(ctx, batch))
	}
	return failed
}

func (s *session) deleteItems(ctx context.Context, keys []map[string]types.AttributeValue) error {
	var requests []types.WriteRequest
	for _, key := range keys {
		requests = append(requests, types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: key}})
	}
	for try := time.Duration(1); len(requests) > 0; try *= 2 {
		out, err := s.tables.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{s.requestsTable: requests}})
		if err != nil {
			return fmt.Errorf("delete items: %w", explain(err))
		}
		if requests = out.UnprocessedItems[s.requestsTable]; len(requests) == 0 {
			return nil
		}
		select { // DynamoDB asks for patience
		case <-time.After(min(try*50*time.Millisecond, 5*time.Second)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (s *session) deleteObjects(ctx context.Context, objects []s3types.ObjectIdentifier) (failed error) {
	out, err := s.files.Client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &s.files.Name, Delete: &s3types.Delete{Objects: objects, Quiet: aws.Bool(true)}})
	if err != nil {
		return fmt.Errorf("delete files: %w", explain(err))
	}
	for _, e := range out.Errors {
		failed = errors.Join(failed, fmt.Errorf("delete %s: %s: %s", aws.ToString(e.Key), aws.ToString(e.Code), aws.ToString(e.Message)))
	}
	return failed
}
