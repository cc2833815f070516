package serve

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/files"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/store"
)

// A deployment that has changed a function asks it, as a custom resource of CloudFormation,
// whether it works. A function that does not start gives no answer, and CloudFormation takes
// the deployment back.

// probe is a look at something that the function uses.
type probe func(context.Context) error

// question reads CloudFormation's. Nothing else that a function is invoked with has this
// resource type at its top.
func question(payload []byte) (ev cfn.Event, asked bool) {
	if !bytes.Contains(payload, []byte(contract.StartCheck)) {
		return ev, false
	}
	if err := json.Unmarshal(payload, &ev); err != nil {
		return ev, false // what is none of ours may look like anything
	}
	return ev, ev.ResourceType == contract.StartCheck
}

// answer tells CloudFormation that the function works: it has started, or else it were not
// here, and what it uses is as it must be, if that was made elsewhere.
func (i invocation) answer(ctx context.Context, ev cfn.Event) error {
	_, err := cfn.LambdaWrap(func(ctx context.Context, ev cfn.Event) (id string, _ map[string]any, err error) {
		id = cmp.Or(ev.PhysicalResourceID, ev.LogicalResourceID)
		if ev.RequestType != cfn.RequestDelete && ev.ResourceProperties[contract.StartProbes] != nil {
			err = probed(ctx, i.probes)
		}
		return id, nil, err
	})(ctx, ev)
	if err != nil {
		return fmt.Errorf("answer CloudFormation: %w", err)
	}
	return nil
}

// Grants of a role that was just made are not known everywhere at once, so a probe that fails
// is made again, as long as the function's time lasts but for probeSpare.
const (
	probePause = 2 * time.Second
	probeSpare = 5 * time.Second
)

func probed(ctx context.Context, probes []probe) error {
	end, limited := ctx.Deadline()
	for {
		err := all(ctx, probes)
		if err == nil || !limited || time.Until(end) < probeSpare+probePause {
			return err
		}
		time.Sleep(probePause)
	}
}

func all(ctx context.Context, probes []probe) error {
	for _, probe := range probes {
		if err := probe(ctx); err != nil {
			return err
		}
	}
	return nil
}

// nobodys is a request that there is none of.
var nobodys = lifecycle.Key{Tenant: "_", ID: "00000000000000000000000000"}

// Probes of storage, each with what the function may do there.

func probeRequests(table store.DynamoRequests) probe {
	return func(ctx context.Context) error {
		_, _, err := table.Get(ctx, nobodys)
		return unfit("requests table", table.Table, err)
	}
}

func probeByUser(table store.DynamoRequests) probe {
	return func(ctx context.Context) error {
		_, _, err := table.ByUser(ctx, nobodys.Tenant, "_", store.Position{}, 1)
		return unfit("requests table, index "+contract.IndexByUser, table.Table, err)
	}
}

func probeOpen(table store.DynamoRequests) probe {
	return func(ctx context.Context) error {
		_, _, err := table.Open(ctx, 0, time.Unix(0, 0), "")
		return unfit("requests table, index "+contract.IndexOpen, table.Table, err)
	}
}

func probeConnections(table store.DynamoConnections) probe {
	return func(ctx context.Context) error {
		_, _, err := table.Get(ctx, "_")
		return unfit("connections table", table.Table, err)
	}
}

// probeFiles writes a document and reads it again: only so a bucket's key is tried too.
func probeFiles(bucket files.Bucket) probe {
	return func(ctx context.Context) error {
		key := files.Key(nobodys, "_start.json")
		hash, err := bucket.PutDocument(ctx, key, []byte("null"))
		if err == nil {
			_, err = bucket.Document(ctx, key, hash)
		}
		return unfit("files bucket", bucket.Name, err)
	}
}

func unfit(what, name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s is not as Streamer needs it, or may not be used: %w", what, name, err)
}
