package process

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
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
	_, err := cfn.LambdaWrap(func(ctx context.Context, ev cfn.Event) (id string, data map[string]any, err error) {
		id = cmp.Or(ev.PhysicalResourceID, ev.LogicalResourceID)
		if ev.RequestType == cfn.RequestDelete {
			return id, nil, nil
		}
		if ev.ResourceProperties[contract.StartProbes] != nil {
			if err := probed(ctx, i.probes); err != nil {
				return id, nil, err
			}
		}
		made, err := digest(ev.ResourceProperties[contract.StartSettings])
		return id, map[string]any{contract.StartDigest: made}, err
	})(ctx, ev)
	if err != nil {
		return fmt.Errorf("answer CloudFormation: %w", err)
	}
	return nil
}

// digest is one and the same for the same program with the same settings, and for nothing
// else: where the program came from, in which bucket and by which name, makes no difference.
func digest(settings any) (string, error) {
	program, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the program: %w", err)
	}
	content, err := os.Open(program)
	if err != nil {
		return "", fmt.Errorf("read the program: %w", err)
	}
	defer content.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, content); err != nil {
		return "", fmt.Errorf("read the program: %w", err)
	}
	if err := json.NewEncoder(hash).Encode(settings); err != nil { // with keys in their order
		return "", fmt.Errorf("read the settings: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
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
