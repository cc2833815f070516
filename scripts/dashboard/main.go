// Command dashboard shows a stage's CloudWatch dashboards, with the widgets that they really
// have, on a page of this machine or on the terminal.
//
//	go run ./scripts/dashboard                   # a page; the stage that STREAMER_OUTPUTS names
//	go run ./scripts/dashboard -text             # the overview on the terminal
//	go run ./scripts/dashboard -text -since 2h
//
// The numbers are CloudWatch's. The local stage makes no metrics of what functions log, so
// there this command does, for the page, and reads the log itself for the terminal; what only
// AWS measures is shown as absent.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"

	"github.com/pay-theory/streamer/internal/contract"
	"github.com/pay-theory/streamer/internal/outputs"
)

func main() {
	onTerminal := flag.Bool("text", false, "print the overview, in place of a page")
	since := flag.Duration("since", 15*time.Minute, "how far back the numbers on the terminal reach")
	port := flag.Int("port", 0, "the page's port on this machine; 0 takes a free one")
	library := flag.String("uplot", "node_modules/uplot/dist", "the folder of the chart library")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *onTerminal, *since, *port, *library); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, onTerminal bool, since time.Duration, port int, library string) error {
	stack, err := outputs.Read(os.Getenv(outputs.Variable))
	if err != nil {
		return err
	}
	name, err := stack.Need(contract.OutputDashboardName)
	if err != nil {
		return err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("load AWS configuration: %w", err)
	}
	local := os.Getenv("AWS_ENDPOINT_URL") != ""
	if onTerminal {
		return print(ctx, cfg, stack.Name, name, since, local)
	}
	return newPage(cfg, stack, local).serve(ctx, port, library, func(address string) {
		fmt.Printf("The dashboards of %s are at %s until Ctrl-C.\n", stack.Name, address)
	})
}

// print shows a dashboard on the terminal.
func print(ctx context.Context, cfg aws.Config, stack, name string, since time.Duration, local bool) error {
	client := cloudwatch.NewFromConfig(cfg)
	out, err := client.GetDashboard(ctx, &cloudwatch.GetDashboardInput{DashboardName: &name})
	if err != nil {
		return fmt.Errorf("get dashboard: %w", err)
	}
	widgets, err := parse([]byte(aws.ToString(out.DashboardBody)))
	if err != nil {
		return err
	}
	alarms, err := alarmStates(ctx, client, widgets)
	if err != nil {
		return err
	}
	from, source := time.Now().Add(-since), "CloudWatch"
	read := fromCloudWatch(client, from)
	if local {
		source = "the functions' logs"
		if read, err = fromLogs(ctx, cfg, stack, from); err != nil {
			return err
		}
	}
	fmt.Printf("%s, the last %s, from %s\n", name, since, source)
	return render(ctx, os.Stdout, widgets, alarms, read)
}
