package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// priceList is where AWS publishes its prices for all to read ("Getting price list files",
// AWS Billing user guide).
var priceList = "https://pricing.us-east-1.amazonaws.com/offers/v1.0/aws"

// offers are the usage types that Streamer is billed by, without the region's prefix.
var offers = []struct {
	service string
	usage   []string
}{
	{"AmazonApiGateway", []string{"ApiGatewayMessage", "ApiGatewayMinute"}},
	{"AWSLambda", []string{"Request-ARM", "Lambda-GB-Second-ARM"}},
	{"AmazonDynamoDB", []string{"WriteRequestUnits", "ReadRequestUnits", "TimedStorage-ByteHrs"}},
	{"AWSQueueService", []string{"Requests-Tier1"}},
	{"AmazonS3", []string{"Requests-Tier1", "Requests-Tier2", "TimedStorage-ByteHrs"}},
	{"AmazonCloudWatch", []string{"CW:AlarmMonitorUsage", "CW:MetricMonitorUsage", "DataProcessing-Bytes"}},
}

// prices reads AWS's own list for the stage's region.
func prices(ctx context.Context, s *stage) (answer, error) {
	a := answer{agrees: true}
	for _, o := range offers {
		found, err := offer(ctx, o.service, s.Config.Region)
		if err != nil {
			return a, fmt.Errorf("%s: %w", o.service, err)
		}
		for _, usage := range o.usage {
			price, ok := found[usage]
			a.seen += fmt.Sprintf("\n            %-16s %-22s %s", o.service, usage, cmp.Or(price, "no price"))
			a.agrees = a.agrees && ok
		}
	}
	return a, nil
}

// offer returns the first price of each usage type of a service, in words.
func offer(ctx context.Context, service, region string) (map[string]string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, priceList+"/"+service+"/current/"+region+"/index.json", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the price list answers %s", response.Status)
	}
	var list struct {
		Products map[string]struct {
			Attributes struct{ UsageType string }
		}
		Terms struct {
			OnDemand map[string]map[string]struct {
				PriceDimensions map[string]struct {
					BeginRange, Description string
				}
			}
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		return nil, fmt.Errorf("read the price list: %w", err)
	}
	found := map[string]string{}
	for sku, product := range list.Products {
		for _, term := range list.Terms.OnDemand[sku] {
			for _, price := range term.PriceDimensions {
				if price.BeginRange == "0" {
					found[withoutRegion(product.Attributes.UsageType)] = price.Description
				}
			}
		}
	}
	return found, nil
}

// withoutRegion cuts a prefix such as "EUC1-" or "APS1-".
func withoutRegion(usage string) string {
	if prefix, rest, ok := strings.Cut(usage, "-"); ok && len(prefix) >= 3 && len(prefix) <= 4 && prefix == strings.ToUpper(prefix) {
		return rest
	}
	return usage
}
