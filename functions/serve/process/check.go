package process

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/pay-theory/streamer/internal/contract"
)

// A deployment that has changed a function asks it, as a custom resource of CloudFormation,
// whether it works. A function that does not start gives no answer, and CloudFormation takes
// the deployment back.

// Probe is a look at something that the function uses.
type Probe func(context.Context) error

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

func probed(ctx context.Context, probes []Probe) error {
	end, limited := ctx.Deadline()
	for {
		err := all(ctx, probes)
		if err == nil || !limited || time.Until(end) < probeSpare+probePause {
			return err
		}
		time.Sleep(probePause)
	}
}

func all(ctx context.Context, probes []Probe) error {
	for _, look := range probes {
		if err := look(ctx); err != nil {
			return err
		}
	}
	return nil
}
