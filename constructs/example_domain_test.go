package constructs_test

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/constructs"
)

// Clients connect to wss://stream.example.com, whose zone is in Route 53. A second Streamer
// has a path of the same domain, wss://stream.example.com/admin.
func ExampleDomainProps() {
	stack := awscdk.NewStack(awscdk.NewApp(nil), jsii.String("Shop"), nil)
	zone := awsroute53.HostedZone_FromHostedZoneAttributes(stack, jsii.String("Zone"), &awsroute53.HostedZoneAttributes{
		HostedZoneId: jsii.String("Z0123456789EXAMPLE"), ZoneName: jsii.String("example.com"),
	})
	certificate := awscertificatemanager.NewCertificate(stack, jsii.String("Certificate"), &awscertificatemanager.CertificateProps{
		DomainName: jsii.String("stream.example.com"),
		Validation: awscertificatemanager.CertificateValidation_FromDns(zone),
	})
	streamer := constructs.NewStreamer(stack, "Streamer", &constructs.StreamerProps{
		Domain: &constructs.DomainProps{Name: "stream.example.com", Certificate: certificate, Zone: zone},
	})
	constructs.NewStreamer(stack, "Admin", &constructs.StreamerProps{
		Domain: &constructs.DomainProps{DomainName: streamer.Domain.Name, Path: "admin"},
	})
}
