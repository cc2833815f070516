package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/lifecycle"
	"github.com/pay-theory/streamer/internal/outputs"
	"github.com/pay-theory/streamer/internal/queue"
	"github.com/pay-theory/streamer/internal/store"
)

// requests is what is needed of the requests table. It only reads.
type requests interface {
	Get(ctx context.Context, key lifecycle.Key) (row lifecycle.Row, exists bool, err error)
	Open(ctx context.Context, shard int, before time.Time, page string) (rows []lifecycle.Row, next string, err error)
}

// sender puts hints into the work queues of their actions.
type sender interface {
	Send(ctx context.Context, hints []queue.Hint) error
}

// stage is the one whose requests are sent again.
type stage struct {
	requests requests
	work     sender
	letters  deadLetters
}

// readStage finds the stage in what cdk deploy --outputs-file wrote.
func readStage(ctx context.Context, path string) (stage, error) {
	stack, err := outputs.Read(path)
	if err != nil {
		return stage{}, err
	}
	table, noTable := stack.Need(contract.OutputRequestsTable)
	work, noWork := stack.Need(contract.OutputWorkQueueURL)
	dead, noDead := stack.Need(contract.OutputDeadLetterURL)
	if err := errors.Join(noTable, noWork, noDead); err != nil {
		return stage{}, err
	}
	workers, err := queue.ParseWorkers(stack.Values[contract.OutputWorkers])
	if err != nil {
		return stage{}, fmt.Errorf("output %s: %w", contract.OutputWorkers, err)
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return stage{}, fmt.Errorf("load AWS configuration: %w", err)
	}
	client := sqs.NewFromConfig(cfg)
	return stage{
		requests: store.DynamoRequests{Client: dynamodb.NewFromConfig(cfg), Table: table},
		work:     workers.Queues(queue.Work{Client: client, URL: work}),
		letters:  deadLetters{client: client, url: dead},
	}, nil
}

// redrive does what a command says and tells it.
func (s stage) redrive(ctx context.Context, c command, now time.Time, out io.Writer) (err error) {
	held, err := s.letters.hiddenNow(ctx)
	if err != nil {
		return err
	}
	letters, more, err := s.letters.read(ctx)
	kept := letters
	defer func() { err = errors.Join(err, s.letters.release(ctx, kept)) }()
	if err != nil {
		return err
	}
	all, err := s.look(ctx, letters, now)
	if err != nil {
		return err
	}
	if held > 0 {
		fmt.Fprintf(out, "About %d more dead letters are hidden: someone else reads them, or did less than %s ago.\n", held, hidden)
	}
	if more {
		fmt.Fprintf(out, "There are more dead letters than the %d read: run this again after it.\n", len(letters))
	}
	if c.list {
		return show(out, all, now)
	}
	if none := c.missing(all); len(none) > 0 { // no reason to leave the others
		defer func() {
			err = errors.Join(err, fmt.Errorf("no dead letter and no open request has the id %s", strings.Join(none, ", ")))
		}()
	}
	chosen := all[:0:0]
	for _, r := range all {
		if !c.selects(r, now) {
			continue
		}
		if r.step = r.decide(c.discard, now); r.step != stepNone {
			chosen = append(chosen, r)
		}
	}
	if !c.yes {
		return tell(out, chosen, false)
	}
	deleted, failed := s.act(ctx, chosen)
	kept = without(letters, deleted)
	return errors.Join(tell(out, chosen, true), failed)
}

// look reads the requests that the letters name, and those that are open.
func (s stage) look(ctx context.Context, letters []letter, now time.Time) ([]request, error) {
	rows := map[lifecycle.Key]lifecycle.Row{}
	for _, l := range letters {
		if _, seen := rows[l.key]; seen || l.unreadable != nil {
			continue
		}
		row, exists, err := s.requests.Get(ctx, l.key)
		if err != nil {
			return nil, err
		}
		if exists {
			rows[l.key] = row
		}
	}
	var open []lifecycle.Row
	for shard := range contract.OpenShards {
		for page, more := "", true; more; {
			found, next, err := s.requests.Open(ctx, shard, now, page)
			if err != nil {
				return nil, err
			}
			open = append(open, found...)
			page, more = next, next != ""
		}
	}
	return gather(letters, rows, open), nil
}
