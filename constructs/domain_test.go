package constructs_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
	"github.com/pay-theory/streamer/internal/contract"
)

const certificateARN = "arn:aws:acm:eu-west-1:111122223333:certificate/one"

func certificate(stack awscdk.Stack) awscertificatemanager.ICertificate {
	return awscertificatemanager.Certificate_FromCertificateArn(stack, jsii.String("Certificate"), jsii.String(certificateARN))
}

func zone(stack awscdk.Stack) awsroute53.IHostedZone {
	return awsroute53.HostedZone_FromHostedZoneAttributes(stack, jsii.String("Zone"), &awsroute53.HostedZoneAttributes{
		HostedZoneId: jsii.String("Z1"), ZoneName: jsii.String("example.com"),
	})
}

func TestDomain(t *testing.T) {
	var streamer *constructs.StreamerConstruct
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		streamer = constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Domain: &constructs.DomainProps{
			Name: "stream.example.com", Certificate: certificate(stack), Path: "shop", Zone: zone(stack),
		}})
		streamer.Outputs(stack)
	})
	tpl.check(t, "Domain", map[string]string{
		"DomainName":               `"stream.example.com"`,
		"DomainNameConfigurations": `[{"CertificateArn":"` + certificateARN + `","EndpointType":"REGIONAL","SecurityPolicy":"TLS_1_2"}]`,
	})
	tpl.check(t, "DomainMapping", map[string]string{
		"ApiId": `"${Api}"`, "Stage": `"v1"`, "DomainName": `"${Domain}"`, "ApiMappingKey": `"shop"`,
	})
	tpl.check(t, "DomainRecord", map[string]string{
		"Name": `"stream.example.com."`, "Type": `"A"`, "HostedZoneId": `"Z1"`,
		"AliasTarget": `{"DNSName":"${Domain.RegionalDomainName}","HostedZoneId":"${Domain.RegionalHostedZoneId}"}`,
	})
	if got := tpl.Resources["DomainMapping"].DependsOn; len(got) != 1 || name(got[0]) != "Stage" {
		t.Errorf("the mapping waits for %v, want the stage", got)
	}
	if got := tpl.Outputs["WebSocketUrl"].Value; got != "wss://stream.example.com/shop" {
		t.Errorf("clients connect to %s", got)
	}
	// Frames are posted to where API Gateway is reached without DNS and path of ours.
	if got := tpl.Outputs["CallbackUrl"].Value; got != "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/v1" {
		t.Errorf("functions post to %s", got)
	}
	for _, function := range []string{"Router", "Processor"} {
		tpl.check(t, function+"Function", map[string]string{
			"Environment.Variables." + contract.EnvCallbackEndpoint: `"https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/v1"`,
		})
	}
	if streamer.Domain.Name == nil || streamer.Domain.Mapping == nil || streamer.Domain.Record == nil {
		t.Errorf("not all is exposed: %v", streamer.Domain)
	}
}

func TestDomainAtItsRootWithoutAZone(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		s := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Domain: &constructs.DomainProps{
			Name: "stream.example.com", Certificate: certificate(stack),
		}})
		if got := *s.WebSocketURL(); got != "wss://stream.example.com" {
			t.Errorf("clients connect to %s", got)
		}
	})
	tpl.check(t, "DomainMapping", map[string]string{"ApiMappingKey": `null`})
	if records := tpl.ofType("AWS::Route53::RecordSet"); len(records) != 0 {
		t.Errorf("records %v", records)
	}
}

// TestTwoStreamersAtOneDomain: one has the domain, the other a path of it.
func TestTwoStreamersAtOneDomain(t *testing.T) {
	tpl := synthStack(t, nil, func(stack awscdk.Stack) {
		one := constructs.NewStreamer(stack, "One", &constructs.StreamerProps{Domain: &constructs.DomainProps{
			Name: "stream.example.com", Certificate: certificate(stack), Path: "one",
		}})
		two := constructs.NewStreamer(stack, "Two", &constructs.StreamerProps{Domain: &constructs.DomainProps{DomainName: one.Domain.Name, Path: "two"}})
		if got := *two.WebSocketURL(); !strings.HasPrefix(got, "wss://${Token[") || !strings.HasSuffix(got, "]}/two") {
			t.Errorf("clients connect to %s", got)
		}
	})
	if domains := tpl.ofType("AWS::ApiGatewayV2::DomainName"); len(domains) != 1 {
		t.Errorf("domains %v", domains)
	}
	for id, path := range map[string]string{"One": `"one"`, "Two": `"two"`} {
		tpl.check(t, id+"DomainMapping", map[string]string{"ApiId": `"${` + id + `Api}"`, "DomainName": `"${OneDomain}"`, "ApiMappingKey": path})
	}
}

// TestTwoStreamersAtOneDomain on the local stage, where the one has no domain for the other.
func TestTheLocalStageHasNoDomainForTwo(t *testing.T) {
	synthStack(t, map[string]any{contract.ContextLocal: localContext}, func(stack awscdk.Stack) {
		one := constructs.NewStreamer(stack, "One", &constructs.StreamerProps{Domain: &constructs.DomainProps{
			Name: "stream.example.com", Certificate: certificate(stack), Path: "one",
		}})
		two := constructs.NewStreamer(stack, "Two", &constructs.StreamerProps{Domain: &constructs.DomainProps{DomainName: one.Domain.Name, Path: "two"}})
		if got := *two.WebSocketURL(); !strings.HasPrefix(got, "ws://127.0.0.1:4566/") {
			t.Errorf("clients connect to %s", got)
		}
	})
}

// A zone may be known by its id alone, and its name may end with the dot that Route 53 gives it.
func TestZonesOfADomain(t *testing.T) {
	for what, zone := range map[string]func(awscdk.Stack) awsroute53.IHostedZone{
		"by its id": func(stack awscdk.Stack) awsroute53.IHostedZone {
			return awsroute53.HostedZone_FromHostedZoneId(stack, jsii.String("Zone"), jsii.String("Z1"))
		},
		"with a dot": func(stack awscdk.Stack) awsroute53.IHostedZone {
			return awsroute53.HostedZone_FromHostedZoneAttributes(stack, jsii.String("Zone"), &awsroute53.HostedZoneAttributes{
				HostedZoneId: jsii.String("Z1"), ZoneName: jsii.String("example.com."),
			})
		},
	} {
		t.Run(what, func(t *testing.T) {
			tpl := synthStack(t, nil, func(stack awscdk.Stack) {
				constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Domain: &constructs.DomainProps{
					Name: "stream.example.com", Certificate: certificate(stack), Zone: zone(stack),
				}})
			})
			tpl.check(t, "DomainRecord", map[string]string{"Name": `"stream.example.com."`, "HostedZoneId": `"Z1"`})
		})
	}
}

func TestWithoutDomain(t *testing.T) {
	tpl := synth(t, nil, nil)
	for _, kind := range []string{"AWS::ApiGatewayV2::DomainName", "AWS::ApiGatewayV2::ApiMapping", "AWS::Route53::RecordSet"} {
		if found := tpl.ofType(kind); len(found) != 0 {
			t.Errorf("%s: %v", kind, found)
		}
	}
}

func TestTheLocalStageHasNoDomain(t *testing.T) {
	tpl := synthStack(t, map[string]any{contract.ContextLocal: localContext}, func(stack awscdk.Stack) {
		s := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Domain: &constructs.DomainProps{
			Name: "stream.example.com", Certificate: certificate(stack), Zone: zone(stack),
		}})
		if got := *s.WebSocketURL(); !strings.HasPrefix(got, "ws://127.0.0.1:4566/") {
			t.Errorf("clients connect to %s", got)
		}
	})
	if found := tpl.ofType("AWS::ApiGatewayV2::DomainName"); len(found) != 0 {
		t.Error(found)
	}
}

func TestBadDomainsNameThemselves(t *testing.T) {
	for _, c := range []struct {
		want   string
		domain func(awscdk.Stack) *constructs.DomainProps
	}{
		{"Domain.Name is empty: give the domain name", func(stack awscdk.Stack) *constructs.DomainProps {
			return &constructs.DomainProps{Certificate: certificate(stack)}
		}},
		{`Domain.Name is "wss://stream.example.com": give a name in lower case, without scheme`, func(stack awscdk.Stack) *constructs.DomainProps {
			return &constructs.DomainProps{Name: "wss://stream.example.com", Certificate: certificate(stack)}
		}},
		{`Domain.Name is "*.example.com"`, func(stack awscdk.Stack) *constructs.DomainProps {
			return &constructs.DomainProps{Name: "*.example.com", Certificate: certificate(stack)}
		}},
		{"Domain.Certificate is nil: give one for Domain.Name", func(awscdk.Stack) *constructs.DomainProps {
			return &constructs.DomainProps{Name: "stream.example.com"}
		}},
		{`Domain.Path is "a/b": give up to 300 letters`, func(stack awscdk.Stack) *constructs.DomainProps {
			return &constructs.DomainProps{Name: "stream.example.com", Certificate: certificate(stack), Path: "a/b"}
		}},
		{"Domain.Zone is example.com, to which stream.example.org does not belong", func(stack awscdk.Stack) *constructs.DomainProps {
			return &constructs.DomainProps{Name: "stream.example.org", Certificate: certificate(stack), Zone: zone(stack)}
		}},
		{"Domain.Zone is example.com, to which badexample.com does not belong", func(stack awscdk.Stack) *constructs.DomainProps {
			return &constructs.DomainProps{Name: "badexample.com", Certificate: certificate(stack), Zone: zone(stack)}
		}},
		{"Domain.DomainName is set beside Domain.Name", func(stack awscdk.Stack) *constructs.DomainProps {
			return &constructs.DomainProps{Name: "stream.example.com", DomainName: awsapigatewayv2.DomainName_FromDomainNameAttributes(
				stack, jsii.String("Domain"), &awsapigatewayv2.DomainNameAttributes{
					Name: jsii.String("stream.example.com"), RegionalDomainName: jsii.String("d-1"), RegionalHostedZoneId: jsii.String("Z2"),
				})}
		}},
		{"Domain.Certificate is in eu-west-1 and the stack in us-east-1: give one of the stack's region", func(stack awscdk.Stack) *constructs.DomainProps {
			return &constructs.DomainProps{Name: "stream.example.com", Certificate: certificate(stack)}
		}},
	} {
		stack := awscdk.NewStack(newApp(t, nil), jsii.String("Dev"), &awscdk.StackProps{Env: &awscdk.Environment{Region: jsii.String("us-east-1")}})
		got := panicOf(func() { constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{Domain: c.domain(stack)}) })
		if !strings.HasPrefix(got, "streamer Dev/Streamer: "+c.want) {
			t.Errorf("got  %q\nwant streamer Dev/Streamer: %s…", got, c.want)
		}
	}
}
