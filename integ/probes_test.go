package integ_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
	"github.com/pay-theory/streamer/protocol"
)

// probe does what needs a grant, and returns an error if that fails.
type probe func(*testing.T, *privileges) error

// probes are the least that needs each grant.
var probes = map[string]probe{
	"Router dynamodb:PutItem Connections": func(t *testing.T, p *privileges) error {
		c, status, err := open(t.Context(), p.socket+"?token="+p.token(t, p.user), nil)
		if err != nil {
			return fmt.Errorf("connect: %d", status)
		}
		c.close(t)
		return nil
	},
	"Router dynamodb:DeleteItem Connections": func(t *testing.T, p *privileges) error {
		return p.sees(t, "Router", "dynamodb.DeleteItem", "connection_id", func() { dial(t, p.user).close(t) })
	},
	// Somebody subscribes where as many watch as may, so that those are looked for who are
	// gone.
	"Router dynamodb:GetItem Connections": func(t *testing.T, p *privileges) error {
		_, err := p.answer(t, protocol.Message{Action: protocol.ActionSubscribe, RequestID: crowdedRequest(t, p.client, p.user)})
		return err
	},
	"Router dynamodb:Query Requests/index/by_user": lists,
	"Router dynamodb:BatchGetItem Requests":        lists,
	"Router dynamodb:PutItem Requests": func(t *testing.T, p *privileges) error {
		_, err := p.submit(t, "echo_async", echoAsync{"put", 0, 1})
		return err
	},
	"Router dynamodb:GetItem Requests": func(t *testing.T, p *privileges) error {
		_, err := p.answer(t, protocol.Message{Action: protocol.ActionGet, RequestID: endedRequest(t, p.client, p.user)})
		return err
	},
	"Router dynamodb:UpdateItem Requests": func(t *testing.T, p *privileges) error {
		_, err := p.answer(t, protocol.Message{Action: protocol.ActionSubscribe, RequestID: endedRequest(t, p.client, p.user)})
		return err
	},
	"Router s3:PutObject Files/t/*": func(t *testing.T, p *privileges) error {
		_, err := p.submit(t, "echo_async", large(t))
		return err
	},
	"Router s3:GetObject Files/t/*": func(t *testing.T, p *privileges) error {
		doc := object(t, large(t))
		to := p.client.announce(t, doc)
		if status := put(t, to, doc); status != http.StatusOK {
			t.Fatalf("the upload is answered with %d", status)
		}
		f, err := p.answer(t, protocol.Message{Action: "echo_async", PayloadRef: to.PayloadRef})
		if err == nil {
			p.asked[f.RequestID] = "echo_async"
		}
		return err
	},
	// The first of two frames is posted.
	"Router execute-api:ManageConnections Api/v1/POST/@connections/*": func(t *testing.T, p *privileges) error {
		ended := endedRequest(t, p.client, p.user)
		return p.sees(t, "Router", "execute-api.PostToConnection", ended, func() {
			p.client.send(t, protocol.Message{Action: protocol.ActionSubscribe, RequestID: ended})
		})
	},

	"Dispatcher sqs:SendMessageBatch Work":               dispatched("echo_async"),
	"Dispatcher sqs:SendMessageBatch WorkersreportsWork": dispatched("generate_report"),

	"Processor sqs:ChangeMessageVisibility Work":                         seen("Processor", "sqs.ChangeMessageVisibility", "Work", "echo_async"),
	"Processor dynamodb:UpdateItem Requests":                             seen("Processor", "dynamodb.UpdateItem", "#owner", "echo_async"),
	"Processor dynamodb:GetItem Requests":                                seen("Processor", "dynamodb.GetItem", "PAYLOAD", "echo_async"),
	"Processor dynamodb:PutItem Requests":                                seen("Processor", "dynamodb.PutItem", "ONCE", "count"),
	"Processor dynamodb:DeleteItem Connections":                          forgotten("Processor", "echo_async"),
	"Processor s3:GetObject Files/t/*":                                   seenOfLarge("s3.GetObject"),
	"Processor s3:PutObject Files/t/*":                                   seenOfLarge("s3.PutObject"),
	"Processor execute-api:ManageConnections Api/v1/POST/@connections/*": seen("Processor", "execute-api.PostToConnection", `"type":"complete"`, "echo_async"),

	"WorkersreportsProcessor sqs:ChangeMessageVisibility WorkersreportsWork": seen("WorkersreportsProcessor", "sqs.ChangeMessageVisibility", "Workersreports", "generate_report"),
	"WorkersreportsProcessor dynamodb:UpdateItem Requests":                   seen("WorkersreportsProcessor", "dynamodb.UpdateItem", "#owner", "generate_report"),
	"WorkersreportsProcessor dynamodb:Query Requests/index/by_tenant":        seen("WorkersreportsProcessor", "dynamodb.Query", `"IndexName":"by_tenant"`, "generate_report"),
	"WorkersreportsProcessor dynamodb:GetItem Requests":                      payloadBeside,
	"WorkersreportsProcessor dynamodb:PutItem Requests":                      effect,
	"WorkersreportsProcessor dynamodb:DeleteItem Connections":                forgotten("WorkersreportsProcessor", "generate_report"),
	"WorkersreportsProcessor s3:PutObject Files/t/*":                         seen("WorkersreportsProcessor", "s3.PutObject", "", "generate_report"),
	"WorkersreportsProcessor s3:GetObject Files/t/*": func(t *testing.T, p *privileges) error {
		id, err := p.submit(t, "generate_report", anyReport)
		if err != nil {
			t.Fatal(err)
		}
		link := reportResult(t, as[protocol.Complete](t, p.client.end(t, id)).Result).URL // signed by whoever made it
		resp, err := http.Get(link)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("the link is answered with %d", resp.StatusCode)
		}
		return nil
	},
	"WorkersreportsProcessor execute-api:ManageConnections Api/v1/POST/@connections/*": seen("WorkersreportsProcessor", "execute-api.PostToConnection", `"type":"complete"`, "generate_report"),

	"Reconciler dynamodb:Scan Connections": reconciled("echo_async"),
	"Reconciler dynamodb:DeleteItem Connections": func(t *testing.T, p *privileges) error {
		return swept(t, p, "dynamodb.DeleteItem", "gone-"+rand.Text())
	},
	"Reconciler execute-api:ManageConnections Api/v1/DELETE/@connections/*": func(t *testing.T, p *privileges) error {
		u := fresh()
		dial(t, u)
		return swept(t, p, "execute-api.DeleteConnection", connectionsOf(t, u)[0])
	},
	"Reconciler dynamodb:Query Requests/index/open":      reconciled("echo_async"),
	"Reconciler dynamodb:GetItem Requests":               reconciled("echo_async"),
	"Reconciler dynamodb:UpdateItem Requests":            reconciled("echo_async"),
	"Reconciler sqs:SendMessageBatch Work":               reconciled("echo_async"),
	"Reconciler sqs:SendMessageBatch WorkersreportsWork": reconciled("generate_report"),
}

// lists asks for the user's requests.
func lists(t *testing.T, p *privileges) error {
	endedRequest(t, p.client, p.user)
	_, err := p.answer(t, protocol.Message{Action: protocol.ActionList})
	return err
}

// payload is the least that an action takes; that of an echo does not fit into its row.
func payload(t *testing.T, action string) any {
	switch action {
	case "generate_report":
		return anyReport
	case "count":
		return counting{To: 1, TickMS: 0}
	}
	return echoAsync{filled(t, 400), 0, 1}
}

// large fits into a message, and neither it nor its result into a table.
func large(t *testing.T) echoAsync { return echoAsync{filled(t, 26_000), 0, 1} }

// submit makes a request, or returns why it was refused.
func (p *privileges) submit(t *testing.T, action string, payload any) (requestID string, err error) {
	t.Helper()
	f, err := p.answer(t, protocol.Message{Action: action, Payload: object(t, payload)})
	if err == nil {
		p.asked[f.RequestID] = action
	}
	return f.RequestID, err
}

// store puts a request into the table that nobody has heard of.
func (p *privileges) store(t *testing.T, action string, payload any, changes ...func(*lifecycle.Row)) lifecycle.Key {
	t.Helper()
	k := backedOff(t, p.user, action, payload, changes...)
	p.asked[k.ID] = action
	return k
}

// seen makes a request and looks at a call that the function makes for it.
func seen(function, operation, contains, action string) probe {
	return func(t *testing.T, p *privileges) error {
		return p.sees(t, function, operation, contains, func() {
			if _, err := p.submit(t, action, payload(t, action)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func seenOfLarge(operation string) probe {
	return func(t *testing.T, p *privileges) error {
		return p.sees(t, "Processor", operation, "", func() {
			if _, err := p.submit(t, "echo_async", large(t)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// dispatched makes a request and looks at the sending of its hint.
func dispatched(action string) probe {
	return func(t *testing.T, p *privileges) error {
		return seen("Dispatcher", "sqs.SendMessageBatch", p.user.tenant, action)(t, p)
	}
}

// forgotten makes a request which a connection watches that is gone.
func forgotten(function, action string) probe {
	return func(t *testing.T, p *privileges) error {
		gone := "gone-" + fmt.Sprint(time.Now().UnixNano())
		return p.sees(t, function, "dynamodb.DeleteItem", gone, func() {
			k := p.store(t, action, payload(t, action), func(row *lifecycle.Row) { row.Watchers = []string{gone} })
			hint(t, workQueue(t, action), k)
		})
	}
}

// payloadBeside reads a payload that is kept beside its row, and effect keeps the result of
// an effect, which is what handlers may need and that of reports does not: so it is done
// here, with the role of its function.
func payloadBeside(t *testing.T, p *privileges) error {
	k, hash := lifecycle.Key{Tenant: p.user.tenant, ID: "beside"}, []byte("hash")
	if err := p.rows(t, awsConfig(t)).PutPayload(t.Context(), k, hash, `1`, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	_, err := p.rows(t, p.as(t, "WorkersreportsProcessor")).Payload(t.Context(), k, hash)
	return err
}

func effect(t *testing.T, p *privileges) error {
	k := lifecycle.Key{Tenant: p.user.tenant, ID: "effect"}
	_, err := p.rows(t, p.as(t, "WorkersreportsProcessor")).PutOnce(t.Context(), k, "probe", `1`, time.Now().Add(time.Hour))
	return err
}

// rows are the requests as someone may use them.
func (p *privileges) rows(t *testing.T, who aws.Config) store.DynamoRequests {
	t.Helper()
	return store.DynamoRequests{Client: dynamodb.NewFromConfig(who), Table: outputsOf(t)[contract.OutputRequestsTable]}
}

// reconciled makes a request whose hint is lost, and runs the reconciler.
func reconciled(action string) probe {
	return func(t *testing.T, p *privileges) error {
		p.store(t, action, payload(t, action), func(row *lifecycle.Row) { row.NextAt = time.Now().Add(-10 * time.Minute).UnixMilli() })
		if failure := invoke(t, resourceOf(t, awsConfig(t), p.stage, "AWS::Lambda::Function", "ReconcilerFunction")); failure != "" {
			return errors.New(failure)
		}
		return nil
	}
}

// swept runs the reconciler while the token of a connection has run out.
func swept(t *testing.T, p *privileges, operation, connection string) error {
	t.Helper()
	runsOut(t, connection)
	return p.sees(t, "Reconciler", operation, connection, func() { reconcile(t, p.stage) })
}

// finish sees every request to its end, also those that went wrong while a grant was
// taken away.
func (p *privileges) finish(t *testing.T) {
	t.Helper()
	began := time.Now()
	for id, action := range p.asked {
		if r := row(t, p.client, id); !r.Status.Terminal() {
			hint(t, workQueue(t, action), lifecycle.Key{Tenant: p.user.tenant, ID: id})
		}
	}
	outcomes := map[string]int{}
	for id := range p.asked {
		r := over(t, p.client, id, patience)
		outcomes[fmt.Sprintf("%s%s after attempt %d", r.Status, r.Code, r.Attempt)]++
	}
	t.Logf("%d requests: %v; the last of them ended %s after the last probe", len(p.asked), outcomes, time.Since(began).Round(time.Millisecond))
}
