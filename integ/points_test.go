package integ_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/protocol"
	"github.com/pay-theory/streamer/scripts/stage/front"
)

// point is a call of a function, as the front can tell it apart: by its operation, and by
// texts in it. Each is one at which the function is killed, before the call arrives and
// before its answer does.
type point struct {
	name, operation string
	contains        []string
}

// rule kills whoever comes to the point, once, at a call in which those texts are too.
func (p point) rule(when string, in ...string) front.Rule {
	return front.Rule{Operation: p.operation, Contains: slices.Concat(in, p.contains), Count: 1, Fault: front.FaultKill, When: when}
}

// processorPoints are the calls that a processor makes for a request. Of its first, which
// names none, see TestLostHintIsSentAgain, and of that which names a connection only
// TestProcessorKilledAsItForgets. A state that is too large for the row, and so has to be
// put and got, none of the sample actions has.
var processorPoints = []struct {
	point
	// attempts that the request takes if the processor dies before the call arrives, and
	// before its answer does.
	before, after int
	status        protocol.Status // at the end; COMPLETED if it is empty
	// begin makes the request; nil is an order of some seconds.
	begin func(t *testing.T, c *client, u user) (requestID string)
	// also are what brings the call about.
	also []front.Rule
}{
	{point: point{"claim", "dynamodb.UpdateItem", []string{"#owner"}}, before: 1, after: 2},
	{point: point{"payload beside the row", "dynamodb.GetItem", []string{"PAYLOAD"}}, before: 2, after: 2},
	{point: point{"payload in an object", "s3.GetObject", []string{"_payload"}}, before: 2, after: 2, begin: largeRequest},
	{point: point{"progress", "execute-api.PostToConnection", []string{`"type":"progress"`}}, before: 2, after: 2},
	{point: point{"pulse", "dynamodb.UpdateItem", []string{"#message", "#seq"}}, before: 2, after: 2},
	{point: point{"effect that was had", "dynamodb.GetItem", []string{"ONCE"}}, before: 2, after: 2, begin: countRequest},
	{point: point{"effect that is had", "dynamodb.PutItem", []string{"ONCE"}}, before: 2, after: 2, begin: countRequest},
	{point: point{"checkpoint", "dynamodb.UpdateItem", []string{"#state_seq"}}, before: 2, after: 2, begin: countRequest},
	{point: point{"rows of a report", "dynamodb.Query", []string{"by_tenant"}}, before: 2, after: 2, begin: reportRequest},
	{point: point{"file of a report", "s3.PutObject", []string{".csv"}}, before: 2, after: 2, begin: reportRequest},
	{point: point{"result to an object", "s3.PutObject", []string{"_result"}}, before: 2, after: 2, begin: largeRequest},
	{point: point{"outcome", "dynamodb.UpdateItem", []string{"COMPLETED"}}, before: 2, after: 1},
	{point: point{"terminal frame", "execute-api.PostToConnection", []string{`"type":"complete"`}}, before: 1, after: 1},
	{
		point: point{"posted again", "dynamodb.UpdateItem", []string{"#reposts"}}, before: 1, after: 1,
		also: []front.Rule{{Operation: "execute-api.PostToConnection", Contains: []string{`"type":"complete"`}, Fault: front.FaultThrottle}},
	},
	{point: point{"retry", "dynamodb.UpdateItem", []string{"RETRYING", "#code"}}, before: 2, after: 2, begin: reportRequest, also: noHistory(1)},
	{point: point{"frame of a retry", "execute-api.PostToConnection", []string{`"type":"retrying"`}}, before: 2, after: 2, begin: reportRequest, also: noHistory(1)},
	{point: point{"failure", "dynamodb.UpdateItem", []string{"#ended_at"}}, before: 3, after: 3, status: protocol.Failed, begin: reportRequest, also: noHistory(0)},
	{point: point{"frame of a failure", "execute-api.PostToConnection", []string{`"type":"failed"`}}, before: 3, after: 3, status: protocol.Failed, begin: reportRequest, also: noHistory(0)},
	{point: point{"cancellation", "dynamodb.UpdateItem", []string{"#ended_at"}}, before: 1, after: 1, status: protocol.Cancelled, begin: cancelledRequest},
	{point: point{"frame of a cancellation", "execute-api.PostToConnection", []string{`"type":"cancelled"`}}, before: 1, after: 1, status: protocol.Cancelled, begin: cancelledRequest},
	{point: point{"end of what is overdue", "dynamodb.UpdateItem", []string{"#ended_at"}}, before: 1, after: 1, status: protocol.Failed, begin: overdueRequest},
	{point: point{"to go on elsewhere", "dynamodb.UpdateItem", []string{"#continuations"}}, before: 3, after: 2, begin: strayRequest},
	{point: point{"resume", "dynamodb.UpdateItem", []string{"REMOVE #continued_at"}}, before: 2, after: 3, begin: strayRequest},
}

// noHistory keeps reports from what they are about, so many times, or always.
func noHistory(times int) []front.Rule {
	return []front.Rule{{Operation: "dynamodb.Query", Contains: []string{"by_tenant"}, Count: times, Fault: front.FaultError, Status: 403, Code: "AccessDeniedException"}}
}

// submitMarked is submit with an id that stands as ref in every frame of the request.
func submitMarked(t *testing.T, c *client, u user, action string, payload any) string {
	t.Helper()
	return as[protocol.Accepted](t, c.ask(t, protocol.Message{Action: action, ID: u.tenant, Payload: object(t, payload)})).RequestID
}

// largeRequest is a request whose payload and result are kept in objects.
func largeRequest(t *testing.T, c *client, u user) string {
	return submitMarked(t, c, u, "echo_async", echoAsync{filled(t, 26_000), 0, 1})
}

func countRequest(t *testing.T, c *client, u user) string {
	return submitMarked(t, c, u, "count", counting{To: 3, TickMS: 500})
}

func reportRequest(t *testing.T, c *client, u user) string {
	return submitMarked(t, c, u, "generate_report", anyReport)
}

// cancelledRequest is a request that is asked to stop while it runs.
func cancelledRequest(t *testing.T, c *client, u user) string {
	id := runningRequest(t, c, u)
	cancel(t, c, id)
	return id
}

// overdueRequest is a request whose hint comes after its deadline.
func overdueRequest(t *testing.T, c *client, u user) string {
	k := backedOff(t, u, "echo_async", echoAsync{"too late", 0, 1}, func(r *lifecycle.Row) { r.DeadlineAt = time.Now().UnixMilli() })
	as[protocol.Subscribed](t, c.about(t, protocol.ActionSubscribe, k.ID))
	hint(t, workQueue(t, "echo_async"), k)
	return k.ID
}

// strayRequest is a request whose hint lies in the queue of another worker, which passes it on.
func strayRequest(t *testing.T, c *client, u user) string {
	k := backedOff(t, u, "echo_async", echoAsync{"moved", 0, 1})
	as[protocol.Subscribed](t, c.about(t, protocol.ActionSubscribe, k.ID))
	hint(t, workQueue(t, "generate_report"), k)
	return k.ID
}

// A processor that is killed at any of its calls, before the call arrives or before its
// answer does, leaves a request that ends all the same: once, and with no more attempts
// than it took.
func TestProcessorKilledAtEachCall(t *testing.T) {
	t.Parallel()
	s := killable(t)
	type victim struct {
		name, set, id string
		c             *client
		attempts      int
		status        protocol.Status
	}
	var victims []victim
	for _, p := range processorPoints {
		for when, attempts := range map[string]int{front.Before: p.before, front.After: p.after} {
			u, mark := marked()
			rules := []front.Rule{p.rule(when, mark)}
			for _, r := range p.also {
				r.Contains = append([]string{mark}, r.Contains...)
				rules = append(rules, r)
			}
			v := victim{name: p.name + ", " + when, set: faults(t, s, rules...), c: dial(t, u), attempts: attempts, status: p.status}
			if v.status == "" {
				v.status = protocol.Completed
			}
			if p.begin != nil {
				v.id = p.begin(t, v.c, u)
			} else {
				v.id, _ = place(t, v.c, order(t, mark, "kill", 2500*time.Millisecond))
			}
			victims = append(victims, v)
		}
	}
	for _, v := range victims {
		awaitHits(t, s, v.set, 1)
		clearFaults(t, s, v.set)
	}
	for _, v := range victims {
		v.c.end(t, v.id)
	}
	settle(t)
	for _, v := range victims {
		r := over(t, v.c, v.id, patience)
		if r.Status != v.status || r.Attempt != v.attempts {
			t.Errorf("%s: %s after attempt %d, want %s after %d", v.name, r.Status, r.Attempt, v.status, v.attempts)
		}
		consistent(t, historyOf(r, v.c), true)
		connected(t, v.id)
	}
}

// A processor that is killed as it forgets a connection that is gone goes on the same.
func TestProcessorKilledAsItForgets(t *testing.T) {
	t.Parallel()
	s := killable(t)
	for _, when := range []string{front.Before, front.After} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			u, mark := marked()
			gone := dial(t, u)
			var rules []front.Rule
			for _, connection := range connectionsOf(t, u) {
				rules = append(rules, point{operation: "dynamodb.DeleteItem"}.rule(when, connection), front.Rule{
					Operation: "execute-api.PostToConnection", Contains: []string{connection}, Fault: front.FaultError, Status: 410, Code: "GoneException",
				})
			}
			c := dial(t, u)
			id, _ := place(t, c, order(t, mark, "forget", 5*time.Second)) // long enough for a slow machine to kill it
			as[protocol.Subscribed](t, gone.about(t, protocol.ActionSubscribe, id))
			awaitHits(t, s, faults(t, s, rules...), 1)
			as[protocol.Complete](t, c.end(t, id))
			settle(t, c)
			r := row(t, c, id)
			if r.Attempt != 2 {
				t.Errorf("got %+v", r)
			}
			consistent(t, historyOf(r, c), true)
		})
	}
}

// routerPoints are the calls that a router makes for a message, but for the row of a new
// request: of that see TestRouterKilled.
var routerPoints = []struct {
	point
	// message is that which kills the router, and is then sent again.
	message func(t *testing.T, c *client, u user) protocol.Message
	answers []protocol.Type // that the second may have
}{
	{point{"payload beside the row", "dynamodb.PutItem", []string{"PAYLOAD"}}, func(t *testing.T, _ *client, u user) protocol.Message {
		return order(t, u.tenant, "payload", 0)
	}, []protocol.Type{protocol.TypeAccepted}},
	{point{"payload to an object", "s3.PutObject", []string{"_payload"}}, func(t *testing.T, _ *client, _ user) protocol.Message {
		return protocol.Message{Action: "echo_async", Payload: object(t, echoAsync{filled(t, 26_000), 0, 1})}
	}, []protocol.Type{protocol.TypeAccepted}},
	{point{"upload", "s3.GetObject", []string{"_uploads"}}, func(t *testing.T, c *client, _ user) protocol.Message {
		doc := []byte(`{"message":"uploaded","duration_ms":0,"steps":1}`)
		to := c.announce(t, doc)
		put(t, to, doc)
		return protocol.Message{Action: "echo_async", PayloadRef: to.PayloadRef}
	}, []protocol.Type{protocol.TypeAccepted}},
	{point{"request", "dynamodb.GetItem", []string{"META"}}, about(protocol.ActionGet, waitingRequest), []protocol.Type{protocol.TypeRequest}},
	{point{"index of a user's requests", "dynamodb.Query", []string{"by_user"}}, listing, []protocol.Type{protocol.TypeRequests}},
	{point{"rows of a list", "dynamodb.BatchGetItem", nil}, listing, []protocol.Type{protocol.TypeRequests}},
	{point{"watch", "dynamodb.UpdateItem", []string{"ADD #watchers"}}, about(protocol.ActionSubscribe, waitingRequest), []protocol.Type{protocol.TypeSubscribed}},
	{point{"watcher that may be gone", "dynamodb.GetItem", []string{"connection_id"}}, about(protocol.ActionSubscribe, crowdedRequest), []protocol.Type{protocol.TypeSubscribed}},
	{point{"watcher that is gone", "dynamodb.UpdateItem", []string{"DELETE #watchers"}}, about(protocol.ActionSubscribe, crowdedRequest), []protocol.Type{protocol.TypeSubscribed}},
	{point{"first of two frames", "execute-api.PostToConnection", []string{`"type":"subscribed"`}}, about(protocol.ActionSubscribe, endedRequest), []protocol.Type{protocol.TypeSubscribed}},
	{point{"unwatch", "dynamodb.UpdateItem", []string{"DELETE #watchers"}}, about(protocol.ActionUnsubscribe, waitingRequest), []protocol.Type{protocol.TypeUnsubscribed}},
	{point{"cancellation", "dynamodb.UpdateItem", []string{"#ended_at"}}, about(protocol.ActionCancel, waitingRequest), []protocol.Type{protocol.TypeCancelled, protocol.TypeRequest}},
	{point{"frame of a cancellation", "execute-api.PostToConnection", []string{`"type":"cancelled"`}}, about(protocol.ActionCancel, watchedRequest), []protocol.Type{protocol.TypeRequest}},
	{point{"request to stop", "dynamodb.UpdateItem", []string{"if_not_exists(#cancel_at"}}, about(protocol.ActionCancel, runningRequest), []protocol.Type{protocol.TypeRequest}},
}

func about(action string, request func(t *testing.T, c *client, u user) string) func(*testing.T, *client, user) protocol.Message {
	return func(t *testing.T, c *client, u user) protocol.Message {
		return protocol.Message{Action: action, RequestID: request(t, c, u)}
	}
}

// listing asks for a list with a request on it.
func listing(t *testing.T, _ *client, u user) protocol.Message {
	waitingRequest(t, nil, u)
	return protocol.Message{Action: protocol.ActionList}
}

// waitingRequest is a request that nothing brings on.
func waitingRequest(t *testing.T, _ *client, u user) string {
	return backedOff(t, u, "echo_async", echoAsync{"waits", 0, 1}).ID
}

// crowdedRequest is one that as many connections watch as may, all of them gone.
func crowdedRequest(t *testing.T, _ *client, u user) string {
	return backedOff(t, u, "echo_async", echoAsync{"waits", 0, 1}, func(r *lifecycle.Row) {
		r.Watchers = nil
		for n := range protocol.MaxWatchers {
			r.Watchers = append(r.Watchers, fmt.Sprint(u.tenant, "-gone-", n))
		}
	}).ID
}

// watchedRequest is one that another connection of its user watches.
func watchedRequest(t *testing.T, c *client, u user) string {
	id := waitingRequest(t, c, u)
	as[protocol.Subscribed](t, dial(t, u).about(t, protocol.ActionSubscribe, id))
	return id
}

func endedRequest(t *testing.T, c *client, u user) string {
	id := submitMarked(t, c, u, "echo_async", echoAsync{"ended", 0, 1})
	c.end(t, id)
	return id
}

func runningRequest(t *testing.T, c *client, u user) string {
	id := submitMarked(t, c, u, "echo_async", echoAsync{"never", 120_000, 240})
	c.progress(t, id)
	return id
}

// A router that is killed at any of its calls leaves its client without an answer of ours;
// what it asks for again is done, once.
func TestRouterKilledAtEachCall(t *testing.T) {
	t.Parallel()
	s := killable(t)
	for _, p := range routerPoints {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			for _, when := range []string{front.Before, front.After} {
				u, mark := marked()
				c := dial(t, u)
				m := p.message(t, c, u)
				// A frame has no tenant, but its request.
				in := mark
				if p.operation == "execute-api.PostToConnection" {
					in = m.RequestID
				}
				set := faults(t, s, p.rule(when, in))
				c.send(t, m)
				awaitHits(t, s, set, 1)
				c.mishap(t, functionFailed)
				if m.ID != "" {
					m.ID += "-again"
				}
				f := c.ask(t, m)
				if !slices.Contains(p.answers, f.Type()) {
					t.Errorf("%s: answered with %s", when, f.raw)
				}
				if m.Action == protocol.ActionCancel {
					if r := over(t, c, m.RequestID, patience); r.Status != protocol.Cancelled {
						t.Errorf("%s: %+v", when, r)
					}
				}
				if f.Type() == protocol.TypeAccepted {
					as[protocol.Complete](t, c.end(t, f.RequestID))
					settle(t, c)
					consistent(t, historyOf(row(t, c, f.RequestID), c), true)
				}
			}
		})
	}
}

// A router that is killed while somebody connects lets nobody in, who comes back; one that
// is killed while somebody leaves disturbs nobody.
func TestRouterKilledAtConnections(t *testing.T) {
	t.Parallel()
	s := killable(t)
	for _, when := range []string{front.Before, front.After} {
		u, mark := marked()
		token := s.token(t, u)
		set := faults(t, s, point{operation: "dynamodb.PutItem"}.rule(when, mark))
		if c, status, err := open(t.Context(), s.socket+"?token="+token, nil); err == nil {
			c.close(t)
			t.Errorf("%s: connected with status %d", when, status)
		}
		awaitHits(t, s, set, 1)
		c := dial(t, u)
		id := c.submit(t, "echo_async", echoAsync{"who leaves", 1500, 3})
		var gone []string
		for _, connection := range connectionsOf(t, u) {
			gone = append(gone, faults(t, s, point{operation: "dynamodb.DeleteItem"}.rule(when, connection)))
		}
		c.close(t)
		for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
			if slices.ContainsFunc(gone, func(set string) bool { return len(hits(t, s, set)[0].Hits) > 0 }) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%s: no connection of %d was deleted", when, len(gone))
			}
		}
		back := dial(t, u)
		as[protocol.Subscribed](t, back.about(t, protocol.ActionSubscribe, id))
		as[protocol.Complete](t, back.end(t, id))
	}
}

// connectionsOf are the connections that a tenant has in the table.
func connectionsOf(t *testing.T, u user) (ids []string) {
	t.Helper()
	pages := dynamodb.NewScanPaginator(dynamodb.NewFromConfig(awsConfig(t)), &dynamodb.ScanInput{
		TableName: aws.String(outputsOf(t)[contract.OutputConnectionsTable]), FilterExpression: aws.String("tenant = :t"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":t": &types.AttributeValueMemberS{Value: u.tenant}},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			ids = append(ids, item[contract.ConnectionID].(*types.AttributeValueMemberS).Value)
		}
	}
	return ids
}

// A function is killed at everything that it may do: at every operation that its role
// grants, but for what Lambda does in its name.
func TestEveryCallIsAPoint(t *testing.T) {
	t.Parallel()
	points := map[string][]string{
		"Authorizer": nil,
		"Router":     {"dynamodb:PutItem", "dynamodb:DeleteItem"},            // TestRouterKilled, TestRouterKilledAtConnections
		"Dispatcher": {"sqs:SendMessageBatch"},                               // TestDispatcherKilled
		"Processor":  {"sqs:ChangeMessageVisibility", "dynamodb:DeleteItem"}, // TestLostHintIsSentAgain, TestProcessorKilledAsItForgets
	}
	add := func(function string, p point) {
		action := strings.Replace(p.operation, ".", ":", 1)
		if strings.HasPrefix(action, "execute-api:") {
			action = "execute-api:ManageConnections"
		}
		points[function] = append(points[function], action)
	}
	for _, p := range routerPoints {
		add("Router", p.point)
	}
	for _, p := range processorPoints {
		add("Processor", p.point)
	}
	for _, p := range reconcilerPoints {
		add("Reconciler", p)
	}
	granted := map[string][]string{}
	for _, g := range newPrivileges(t).grants {
		if strings.HasSuffix(g.function, "Processor") {
			g.function = "Processor" // those of workers are the same program
		}
		if unenforced[g.action] == "" {
			granted[g.function] = append(granted[g.function], g.action)
		}
	}
	for function, killed := range points {
		slices.Sort(granted[function])
		slices.Sort(killed)
		if got, want := slices.Compact(killed), slices.Compact(granted[function]); !slices.Equal(got, want) {
			t.Errorf("%s: killed at %v, and may do %v", function, got, want)
		}
	}
}
