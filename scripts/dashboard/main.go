// Command dashboard shows a stage's CloudWatch dashboards, with the widgets that they really
// have, on a page of this machine or on the terminal.
//
//	go run ./scripts/dashboard                   # a page; the stage that STREAMER_OUTPUTS names
//	go run ./scripts/dashboard -text             # the overview on the terminal
//	go run ./scripts/dashboard -text -since 2h
//	go run ./scripts/dashboard -picture x.png    # the overview of 15 minutes as a picture, and in the dark as x-dark.png
//
// The numbers are CloudWatch's. The local stage makes no metrics of what functions log, nor
// of its queues, so there this command does; what only AWS measures is shown as absent.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/outputs"
	"github.com/pay-theory/streamer/internal/place"
)

func main() {
	onTerminal := flag.Bool("text", false, "print the overview, in place of a page")
	picture := flag.String("picture", "", "save a picture of the overview as this PNG, in place of a page to look at")
	since := flag.Duration("since", 15*time.Minute, "how far back the numbers on the terminal reach")
	port := flag.Int("port", 0, "the page's port on this machine; 0 takes a free one")
	library := flag.String("uplot", "node_modules/uplot/dist", "the folder of the chart library")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *onTerminal, *picture, *since, *port, *library); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, onTerminal bool, picture string, since time.Duration, port int, library string) error {
	at, err := place.FindStage(ctx, os.Getenv(outputs.Variable))
	if err != nil {
		return err
	}
	if onTerminal {
		name, err := at.Stack.Need(contract.OutputDashboardName)
		if err != nil {
			return err
		}
		return print(ctx, at, name, since)
	}
	p, err := newPage(at)
	if err != nil {
		return err
	}
	if picture != "" {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		drawn := make(chan error, 1)
		err := p.serve(ctx, port, library, func(address string) {
			go func() {
				drawn <- draw(ctx, address+"/?refresh=0&minutes=15", picture)
				stop()
			}()
		})
		if err != nil && !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return <-drawn
	}
	return p.serve(ctx, port, library, func(address string) {
		fmt.Printf("The dashboards of %s are at %s until Ctrl-C.\n", at.Stack.Name, address)
	})
}

// print shows a dashboard on the terminal.
func print(ctx context.Context, at place.Stage, name string, since time.Duration) error {
	c := charts{client: cloudwatch.NewFromConfig(at.Config), local: at.Emulator != ""}
	source := "CloudWatch"
	if c.local {
		source = "the local stage"
		time.Sleep(settled) // what was logged just now counts, too
		if err := newBridge(at.Config, at.Stack.Name).fill(ctx); err != nil {
			return err
		}
	}
	out, err := c.client.GetDashboard(ctx, &cloudwatch.GetDashboardInput{DashboardName: &name})
	if err != nil {
		return fmt.Errorf("get dashboard: %w", err)
	}
	widgets, err := parse([]byte(aws.ToString(out.DashboardBody)))
	if err != nil {
		return err
	}
	alarms, err := alarmStates(ctx, c.client, widgets)
	if err != nil {
		return err
	}
	to := time.Now()
	from := to.Add(-since)
	fmt.Printf("%s, the last %s, from %s\n", name, since, source)
	return render(ctx, os.Stdout, widgets, alarms, func(ctx context.Context, metrics []metric) ([]value, error) {
		return c.totals(ctx, metrics, from, to)
	})
}
