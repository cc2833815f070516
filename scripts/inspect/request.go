package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/logs"
	"github.com/pay-theory/streamer/internal/view"
	"github.com/pay-theory/streamer/protocol"
)

// requestDetail is all that is known of one request.
type requestDetail struct {
	ID     string          `json:"request_id"`
	Tenant string          `json:"tenant"`
	User   string          `json:"user"`
	Action string          `json:"action"`
	Status protocol.Status `json:"status"`
	Code   protocol.Code   `json:"code,omitempty"`
	Error  string          `json:"error,omitempty"`

	Percentage float64 `json:"percentage"`
	Message    string  `json:"message,omitempty"`

	Attempt       int   `json:"attempt"`
	MaxAttempts   int   `json:"max_attempts"`
	Continuations int   `json:"continuations"`
	HintsResent   int   `json:"hints_resent"`
	Fence         int64 `json:"fence"`
	Seq           int64 `json:"seq"`
	HandedOver    bool  `json:"handed_over"`

	AcceptedAt time.Time `json:"accepted_at"`
	StartedAt  time.Time `json:"started_at,omitzero"`
	EndedAt    time.Time `json:"ended_at,omitzero"`
	NextAt     time.Time `json:"next_at,omitzero"`
	LeaseUntil time.Time `json:"lease_until,omitzero"`
	CancelAt   time.Time `json:"cancel_at,omitzero"`
	DeadlineAt time.Time `json:"deadline_at"`
	ExpiresAt  time.Time `json:"expires_at,omitzero"`

	Watchers []string `json:"watchers"`
	// Carrier is the queue message that the last claim came with.
	Carrier string `json:"carrier,omitempty"`
	Trace   string `json:"trace,omitempty"`

	Payload    document   `json:"payload"`
	Checkpoint document   `json:"checkpoint"`
	Result     document   `json:"result"`
	Effects    []string   `json:"effects"` // the names of those that were had once
	Files      []document `json:"files"`

	// History is what the functions said of it, as far back as their logs are kept, and the
	// moments that its row has.
	History []entry `json:"history"`

	hintAt time.Time
}

// document is something that is kept of a request, and where: "row", "item" beside it, or
// "object" in the bucket; empty if there is none. Size is in bytes.
type document struct {
	Name  string `json:"name,omitempty"`
	Place string `json:"place,omitempty"`
	Size  int64  `json:"size"`
	// Content is there if it was asked for, and JSON.
	Content json.RawMessage `json:"content,omitempty"`
}

func requestCommand(flags *flag.FlagSet) task {
	tenant := flags.String("tenant", "", "the request's tenant; without it, it is looked for among open requests and in the logs")
	since := flags.Duration("since", lookBack, "how far back the logs are searched for the tenant")
	content := flags.Bool("payload", false, "show the payload, the checkpoint and the result, too")
	return ofRequest(func(ctx context.Context, s *session, id string, groups []logs.Group) error {
		key := lifecycle.Key{Tenant: *tenant, ID: id}
		if *tenant == "" {
			var err error
			if key.Tenant, err = tenantOf(ctx, s, groups, id, s.now.Add(-*since)); err != nil {
				return err
			}
		}
		row, exists, err := s.requests.Get(ctx, key)
		if err != nil {
			return err
		}
		if !exists {
			return fmt.Errorf("tenant %s has no request %s: it never had, or it is past its time to live (inspect logs %[2]s -since 240h)", key.Tenant, id)
		}
		d, err := detailOf(ctx, s, groups, row, *content)
		if err != nil {
			return err
		}
		return s.tell(d, func(out io.Writer) error { return d.show(out, s.now) })
	})
}

// tenantOf finds out whose a request is: an open one is in the index, and of any other the
// functions spoke.
func tenantOf(ctx context.Context, s *session, groups []logs.Group, id string, since time.Time) (string, error) {
	for shard := range contract.OpenShards {
		if lifecycle.OpenShardKey(shard) != lifecycle.OpenShard(id) {
			continue
		}
		for page, more := "", true; more; {
			rows, next, err := s.requests.Open(ctx, shard, s.now, page)
			if err != nil {
				return "", err
			}
			for _, row := range rows {
				if row.Key().ID == id {
					return row.Key().Tenant, nil
				}
			}
			page, more = next, next != ""
		}
	}
	said, err := story(ctx, s, groups, id, since)
	if err != nil {
		return "", err
	}
	for _, e := range said {
		if tenant := e.value("tenant"); tenant != "" && e.value("request") == id {
			return tenant, nil
		}
	}
	return "", fmt.Errorf("no request %s is open, and no function spoke of it in the last %s: give its -tenant, or a longer -since", id, hours(s.now.Sub(since)))
}

func detailOf(ctx context.Context, s *session, groups []logs.Group, row lifecycle.Row, content bool) (requestDetail, error) {
	d := requestDetail{
		ID: row.Key().ID, Tenant: row.Key().Tenant, User: row.User, Action: row.Action, Status: row.Status, Code: row.Code, Error: row.Error,
		Percentage: row.Percentage, Message: row.Message,
		Attempt: row.Attempt, MaxAttempts: row.MaxAttempts, Continuations: row.Continuations, HintsResent: row.Hints,
		Fence: row.Fence, Seq: row.Seq, HandedOver: row.Handed != 0 && row.Handed == row.Fence,
		AcceptedAt: instant(row.CreatedAt), StartedAt: instant(row.StartedAt), EndedAt: instant(row.EndedAt), NextAt: instant(row.NextAt),
		LeaseUntil: instant(row.LeaseUntil), CancelAt: instant(row.CancelAt), DeadlineAt: instant(row.DeadlineAt), ExpiresAt: instant(row.TTL * 1000), hintAt: instant(row.HintAt),
		Watchers: append([]string{}, row.Watchers...), Carrier: row.Carrier, Trace: row.Trace,
		Payload:    document{Place: placed(row.Payload, row.PayloadAt), Size: int64(len(row.Payload))},
		Checkpoint: document{Place: placed(row.State, row.StateAt), Size: int64(len(row.State))},
		Result:     document{Place: placed(row.Result, row.ResultAt), Size: max(int64(len(row.Result)), row.ResultSize)},
		Effects:    []string{}, Files: []document{},
	}
	if row.Status.Terminal() { // its lease was its worker's, and is over
		d.LeaseUntil, d.NextAt = time.Time{}, time.Time{}
	}
	if err := d.lookBeside(ctx, s, row); err != nil {
		return d, err
	}
	if content {
		if err := d.read(ctx, s, row); err != nil {
			return d, err
		}
	}
	var err error
	// A function's clock and the log's may differ a little.
	said, err := story(ctx, s, groups, d.ID, d.AcceptedAt.Add(-time.Second))
	if err != nil {
		return d, err
	}
	d.History = inOrder(append(d.moments(s.now), said...))
	return d, nil
}

// moments are what the row itself tells of what happened.
func (d *requestDetail) moments(now time.Time) (all []entry) {
	for _, m := range []struct {
		at   time.Time
		what string
	}{
		{d.AcceptedAt, "accepted"}, {d.StartedAt, "first try begins"}, {d.CancelAt, "its owner asks it to stop"},
		{d.hintAt, "hint sent again, the last time"}, {d.EndedAt, "ended: " + string(d.Status)},
	} {
		if !m.at.IsZero() && !m.at.After(now) {
			text, _ := json.Marshal(m.what) // a string always can be
			all = append(all, entry{Time: m.at, Function: "(row)", Line: text, said: said{words: m.what}})
		}
	}
	return all
}

func placed(inRow string, beside lifecycle.Place) string {
	switch {
	case beside != "":
		return string(beside)
	case inRow != "":
		return "row"
	}
	return ""
}

// lookBeside finds the items and the objects that a request has beside its row.
func (d *requestDetail) lookBeside(ctx context.Context, s *session, row lifecycle.Row) error {
	items := dynamodb.NewQueryPaginator(s.tables, &dynamodb.QueryInput{
		TableName: &s.requestsTable, KeyConditionExpression: aws.String("#pk = :pk"),
		ExpressionAttributeNames:  map[string]string{"#pk": contract.PK},
		ExpressionAttributeValues: map[string]types.AttributeValue{":pk": &types.AttributeValueMemberS{Value: row.PK}},
	})
	for items.HasMorePages() {
		page, err := items.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list what request %s has: %w", d.ID, err)
		}
		for _, item := range page.Items {
			sk, _ := item[contract.SK].(*types.AttributeValueMemberS)
			kept, _ := item["payload"].(*types.AttributeValueMemberS)
			if sk == nil || kept == nil {
				continue
			}
			switch kind, name, _ := strings.Cut(sk.Value, "#"); {
			case kind == contract.SKOnce:
				d.Effects = append(d.Effects, name)
			case kind == contract.SKPayload && d.Payload.Place == string(lifecycle.PlaceItem) && name == hex.EncodeToString(row.Hash):
				d.Payload.Size = int64(len(kept.Value))
			case kind == contract.SKCheckpoint && d.Checkpoint.Place == string(lifecycle.PlaceItem) && name == hex.EncodeToString(row.StateHash):
				d.Checkpoint.Size = int64(len(kept.Value))
			}
		}
	}
	prefix := files.Key(row.Key(), "")
	objects := s3.NewListObjectsV2Paginator(s.files.Client, &s3.ListObjectsV2Input{Bucket: &s.files.Name, Prefix: &prefix})
	for objects.HasMorePages() {
		page, err := objects.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list the files of request %s: %w", d.ID, err)
		}
		for _, object := range page.Contents {
			bytes := aws.ToInt64(object.Size)
			switch key := aws.ToString(object.Key); key {
			case view.PayloadKey(row.Key(), row.Hash):
				d.Payload.Size = bytes
			case view.StateKey(row.Key(), row.StateHash):
				d.Checkpoint.Size = bytes
			default:
				d.Files = append(d.Files, document{Name: strings.TrimPrefix(key, prefix), Place: string(lifecycle.PlaceObject), Size: bytes})
			}
		}
	}
	return nil
}

// read adds what the documents are.
func (d *requestDetail) read(ctx context.Context, s *session, row lifecycle.Row) error {
	key := row.Key()
	one := func(to *document, inRow string, item func(context.Context, lifecycle.Key, []byte) (string, error), object string, hash []byte) (err error) {
		switch to.Place {
		case "":
			return nil
		case string(lifecycle.PlaceItem):
			inRow, err = item(ctx, key, hash)
		case string(lifecycle.PlaceObject):
			var doc []byte
			doc, err = s.files.Document(ctx, object, hash)
			inRow = string(doc)
		}
		if json.Valid([]byte(inRow)) {
			to.Content = json.RawMessage(inRow)
		}
		return err
	}
	return errors.Join(
		one(&d.Payload, row.Payload, s.requests.Payload, view.PayloadKey(key, row.Hash), row.Hash),
		one(&d.Checkpoint, row.State, s.requests.State, view.StateKey(key, row.StateHash), row.StateHash),
		one(&d.Result, row.Result, nil, view.ResultKey(key, row.Fence), row.ResultHash),
	)
}

func (d requestDetail) show(out io.Writer, now time.Time) error {
	fmt.Fprintf(out, "request %s, %s of %s\n", d.ID, plain(d.Action), of(d.Tenant, d.User))
	facts(out, []fact{
		{"status", d.state(now)},
		{"why", d.why()},
		{"progress", d.progress()},
		{"tries", d.tries()},
		{"accepted", at(d.AcceptedAt, now)},
		{"started", d.after(d.StartedAt)},
		{"ended", d.after(d.EndedAt)},
		{"next try", at(d.NextAt, now)},
		{"lease until", at(d.LeaseUntil, now)},
		{"to stop", at(d.CancelAt, now)},
		{"deadline", at(d.DeadlineAt, now)},
		{"kept until", at(d.ExpiresAt, now)},
		{"payload", d.Payload.String()},
		{"checkpoint", d.Checkpoint.String()},
		{"result", d.Result.String()},
		{"effects", plain(strings.Join(d.Effects, ", "))},
		{"files", d.filesText()},
		{"watchers", d.watchersText()},
		{"message", plain(d.Carrier)},
		{"trace", plain(d.Trace)},
	})
	for _, shown := range []struct {
		name string
		document
	}{{"payload", d.Payload}, {"checkpoint", d.Checkpoint}, {"result", d.Result}} {
		if shown.Content != nil {
			var indented bytes.Buffer
			if err := json.Indent(&indented, shown.Content, "  ", "  "); err != nil {
				return err
			}
			fmt.Fprintf(out, "\n%s\n  %s\n", shown.name, indented.String())
		}
	}
	fmt.Fprintln(out, "\nhistory")
	writeAll(out, d.History, "request", "requests", "tenant", "action", "invocation", "trace")
	return nil
}

// state is the status, with what it means now.
func (d requestDetail) state(now time.Time) string {
	switch {
	case d.Status == protocol.Processing && d.HandedOver:
		return "PROCESSING, handed over to other compute"
	case d.Status == protocol.Processing && d.LeaseUntil.Before(now):
		return "PROCESSING, but its worker is gone: lost for " + age(d.LeaseUntil, now)
	case d.Status == protocol.Pending:
		return "PENDING: waits for a worker (queues and doctor tell why)"
	}
	return string(d.Status)
}

func (d requestDetail) why() string {
	if d.Code == "" {
		return ""
	}
	return plain(string(d.Code)) + ": " + plain(d.Error)
}

func (d requestDetail) progress() string {
	if d.Percentage == 0 && d.Message == "" || d.Status == protocol.Completed { // whose last words may be any
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("%.0f %%  %s", d.Percentage, plain(d.Message)))
}

func (d requestDetail) tries() string {
	text := fmt.Sprintf("%d of %d", d.Attempt, d.MaxAttempts)
	if d.Continuations > 0 {
		text += ", went on in another function " + count(d.Continuations, "time")
	}
	if d.HintsResent > 0 {
		text += ", hint sent again " + count(d.HintsResent, "time")
	}
	return text
}

// after is a moment by how long after acceptance it was.
func (d requestDetail) after(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return took(t.Sub(d.AcceptedAt)) + " after that"
}

func (d requestDetail) filesText() string {
	var all []string
	for _, f := range d.Files {
		all = append(all, plain(f.Name)+" ("+size(f.Size)+")")
	}
	return strings.Join(all, ", ")
}

func (d requestDetail) watchersText() string {
	if len(d.Watchers) == 0 {
		return "none"
	}
	return fmt.Sprintf("%d: %s", len(d.Watchers), plain(strings.Join(d.Watchers, ", ")))
}

// String says where a document is and how large, and nothing of what it is.
func (d document) String() string {
	where := map[string]string{"row": "in the row", string(lifecycle.PlaceItem): "in an item beside it", string(lifecycle.PlaceObject): "in the bucket"}[d.Place]
	if where == "" {
		return ""
	}
	return size(d.Size) + ", " + where
}
