package main

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/pay-theory/streamer/internal/clock"
	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/intake"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/limits"
	"github.com/pay-theory/streamer/internal/outputs"
	"github.com/pay-theory/streamer/internal/place"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

// A user's data is deleted, and nobody else's, whoever has a name that begins like it; then
// the tenant's. Nothing goes before somebody says yes, and what is open only if that is said.
func TestForget(t *testing.T) {
	s := stage(t)
	data := s.data()
	longer := s.tenant + "x"
	t.Cleanup(func() {
		for _, tenant := range []string{s.tenant, longer} {
			h, err := data.holdings(context.WithoutCancel(t.Context()), who{tenant: tenant}, nil)
			if err == nil {
				err = data.forget(context.WithoutCancel(t.Context()), h)
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	const each = 30 // more than one batch of items
	for range each {
		data.keep(t, s.tenant, "eve", protocol.Completed)
	}
	data.keep(t, s.tenant, "eve", protocol.Processing)
	data.keep(t, s.tenant, "evelyn", protocol.Completed)
	data.keep(t, longer, "eve", protocol.Completed)

	look := func(tenant, user string) holdings {
		t.Helper()
		h, err := data.holdings(t.Context(), who{tenant, user}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	before := look(s.tenant, "eve")
	if before.Requests != each+1 || before.Open != 1 || before.Beside != each+1 || before.Ledgers < 1 || before.Connections != each+1 || before.Files != 2*(each+1) || before.Bytes != 8*(each+1) {
		t.Fatalf("there is %+v", before)
	}
	others := []holdings{look(s.tenant, "evelyn"), look(longer, "eve")}

	eve := []string{"forget", "-tenant", s.tenant, "-user", "eve"}
	for _, c := range []struct {
		args []string
		want string
	}{{eve, "1 request has not ended"}, {append(eve, "-open"), "nobody can be asked"}} {
		if status, out, said := s.inspect(c.args...); status != exitRefused || !strings.Contains(said, c.want) || !strings.Contains(out, "31  requests, 1 of them open") {
			t.Errorf("status %d: %s\n%s", status, said, out)
		}
	}
	if got := look(s.tenant, "eve"); got.Requests != before.Requests || got.Files != before.Files {
		t.Errorf("without a yes there is %+v left", got)
	}

	var answer forgotten
	s.answer(&answer, append(eve, "-open", "-yes")...)
	if !answer.Left.nothing() || answer.Left.Requests != 0 || answer.Before.Requests != each+1 {
		t.Errorf("answered %+v", answer)
	}
	if got := look(s.tenant, "eve"); !got.nothing() {
		t.Errorf("there is %+v left", got)
	}
	for i, got := range []holdings{look(s.tenant, "evelyn"), look(longer, "eve")} {
		if got.Requests != 1 || got.Files != 2 || got.Beside != 1 || got.Connections != 1 || got.Ledgers != others[i].Ledgers {
			t.Errorf("of others there is %+v left", got)
		}
	}

	if out := s.must("forget", "-tenant", s.tenant, "-yes"); !strings.Contains(out, "looked again\n       0  requests") || !strings.Contains(out, "log lines") || !strings.Contains(out, "hints") || !strings.Contains(out, "traces") {
		t.Errorf("said %s", out)
	}
	if got := look(s.tenant, ""); !got.nothing() {
		t.Errorf("of the tenant there is %+v left", got)
	}
	if got := look(longer, ""); got.Requests != 1 {
		t.Errorf("of the other tenant there is %+v left", got)
	}
}

// What somebody writes who works on a request while the operator thinks goes too, though its row
// was looked at before and is gone by the time that it is found; and not what came anew.
func TestForgetWhatCameMeanwhile(t *testing.T) {
	s := stage(t)
	data := s.data()
	data.keep(t, s.tenant, "eve", protocol.Processing)
	before, err := data.holdings(t.Context(), who{s.tenant, "eve"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := lifecycle.ParsePK(text(before.rows[0][contract.PK]))
	if err != nil {
		t.Fatal(err)
	}
	thinking := func() {
		for _, err := range []error{
			data.putFile(t.Context(), files.Key(key, "result.json")),
			data.requests.PutState(t.Context(), key, []byte{1}, `"secret"`, time.Now().Add(time.Hour)),
		} {
			if err != nil {
				t.Error(err)
			}
		}
		data.keep(t, s.tenant, "eve", protocol.Completed)
	}
	var out, said strings.Builder
	status := run(t.Context(), []string{"forget", "-tenant", s.tenant, "-user", "eve", "-open"}, os.Getenv(outputs.Variable),
		terminal{&slow{thinking: thinking, Reader: strings.NewReader("y\n")}, &out, &said, true})
	if status != exitFailed || !strings.Contains(said.String(), "something came meanwhile") {
		t.Errorf("status %d: %s\n%s", status, &said, &out)
	}
	left, err := data.holdings(t.Context(), who{tenant: s.tenant}, nil)
	if err != nil || left.Requests != 1 || left.Beside != 1 || left.Files != 2 {
		t.Errorf("there is %+v left: %v", left, err)
	}
	for _, o := range left.objects {
		if strings.Contains(*o.Key, key.ID+"/") {
			t.Errorf("%s is left", *o.Key)
		}
	}
	s.must("forget", "-tenant", s.tenant, "-yes")
}

// slow is an operator who thinks before an answer.
type slow struct {
	thinking func()
	io.Reader
}

func (o *slow) Read(p []byte) (int, error) {
	if o.thinking != nil {
		o.thinking()
		o.thinking = nil
	}
	return o.Reader.Read(p)
}

// data is what the stage keeps, as the commands reach it.
func (s *onStage) data() *session {
	s.Helper()
	at, err := place.FindStage(s.Context(), os.Getenv(outputs.Variable))
	if err != nil {
		s.Fatal(err)
	}
	data, err := newSession(at, chosen{}, terminal{})
	if err != nil {
		s.Fatal(err)
	}
	return data
}

// Of a bucket that was brought and keeps versions, none is left, and no mark of a deletion.
func TestForgetVersions(t *testing.T) {
	s := stage(t)
	data := s.data()
	data.files.Name = "versions-" + strings.ToLower(s.tenant)
	bucket, name := data.files.Client, &data.files.Name
	if _, err := bucket.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: name}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := bucket.DeleteBucket(context.WithoutCancel(t.Context()), &s3.DeleteBucketInput{Bucket: name}); err != nil {
			t.Error(err) // it is empty
		}
	})
	if _, err := bucket.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{
		Bucket: name, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled},
	}); err != nil {
		t.Fatal(err)
	}
	key := files.Key(lifecycle.Key{Tenant: s.tenant, ID: intake.NewID(time.Now())}, "report.pdf")
	for range 2 {
		if err := data.putFile(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := bucket.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: name, Key: &key}); err != nil {
		t.Fatal(err)
	}
	before, err := data.holdings(t.Context(), who{tenant: s.tenant}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if before.Files != 2 || before.Bytes != 8 || len(before.objects) != 3 {
		t.Errorf("there is %+v", before)
	}
	if err := data.forget(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	if left, err := data.holdings(t.Context(), who{tenant: s.tenant}, nil); err != nil || !left.nothing() {
		t.Errorf("there is %+v left: %v", left, err)
	}
}

// keep stores a request with an item and a file beside it, an upload, a ledger and a
// connection, all of one user.
func (s *session) keep(t *testing.T, tenant, user string, status protocol.Status) {
	t.Helper()
	now := time.Now()
	key := lifecycle.Key{Tenant: tenant, ID: intake.NewID(now)}
	row := lifecycle.Accept(lifecycle.Submission{Key: key, User: user, Action: "none", MaxAttempts: 1, Deadline: time.Hour}, now)
	row.Status, row.LeaseUntil = status, now.Add(time.Hour).UnixMilli() // nobody's to work on
	row.OpenShard = ""
	u := files.Upload{ID: key.ID, Size: 4}
	gate := &limits.Gate{Limits: contract.Limits{User: contract.Allowance{Requests: 1000}}, Ledgers: s.requests.(store.DynamoRequests), Clock: clock.System{}}
	for _, err := range []error{
		gate.Submit(t.Context(), key, user, now),
		s.requests.Create(t.Context(), row, now),
		s.requests.PutPayload(t.Context(), key, []byte{1}, `"secret"`, now.Add(time.Hour)),
		s.connections.Put(t.Context(), store.Connection{ID: key.ID, Tenant: tenant, User: user, UserKey: lifecycle.UserKey(tenant, user), ExpiresAt: now.Add(time.Hour).Unix()}),
		s.putFile(t.Context(), files.Key(key, "report.pdf")), s.putFile(t.Context(), files.UploadKey(tenant, user, u)),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (s *session) putFile(ctx context.Context, key string) error {
	_, err := s.files.Put(ctx, key, "text/plain", strings.NewReader("gone"))
	return err
}
