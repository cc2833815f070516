// Command dashboard prints a stage's CloudWatch dashboard: its real widgets, each with
// the numbers of the last minutes.
//
//	go run ./scripts/dashboard             # the stage that STREAMER_OUTPUTS names
//	go run ./scripts/dashboard -since 2h
//
// On AWS the numbers are CloudWatch's. The local stage makes no metrics of what functions
// log, so there they are read from the functions' logs; what AWS itself would measure is
// shown as absent.
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
	since := flag.Duration("since", 15*time.Minute, "how far back the numbers reach")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := show(ctx, *since); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

func show(ctx context.Context, since time.Duration) error {
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
	var read func(context.Context, []metric) ([]value, error)
	if os.Getenv("AWS_ENDPOINT_URL") == "" {
		read = fromCloudWatch(client, from)
	} else {
		source = "the functions' logs"
		if read, err = fromLogs(ctx, cfg, stack.Name, from); err != nil {
			return err
		}
	}
	fmt.Printf("%s, the last %s, from %s\n", name, since, source)
	return render(ctx, os.Stdout, widgets, alarms, read)
}
