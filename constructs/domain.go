package constructs

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsroute53targets"
	"github.com/aws/jsii-runtime-go"
)

// DomainProps is a name of one's own for clients to connect to. Functions go on posting
// frames to the name that API Gateway gave, which stays open for clients, too: closing it
// would close it for both.
type DomainProps struct {
	// Name is the domain name, in lower case, such as "stream.example.com". API Gateway has
	// it for WebSocket APIs alone, not for HTTP or REST APIs beside them ("Custom domain
	// names for WebSocket APIs in API Gateway").
	Name string
	// Certificate is one for Name, in AWS Certificate Manager of the stack's region. Required
	// with Name.
	Certificate awscertificatemanager.ICertificate
	// DomainName is in place of Name and Certificate, for one that exists: such as that of
	// another Streamer of the account, which has another Path.
	DomainName awsapigatewayv2.IDomainName
	// Path is where on the domain this Streamer is: the "shop" of wss://stream.example.com/shop,
	// up to 300 letters, digits and $ - _ . + ! * ' ( ). Default: at its root.
	Path string
	// Zone is the hosted zone of Amazon Route 53 that gets the alias record. Nil: you point
	// the name at StreamerConstruct.Domain's RegionalDomainName yourself.
	Zone awsroute53.IHostedZone
}

// Domain is the domain name of a Streamer, and what it takes to have it. Its fields are nil
// without StreamerProps.Domain, and Record is without a Zone.
type Domain struct {
	Name    awsapigatewayv2.IDomainName
	Mapping awsapigatewayv2.ApiMapping
	Record  awsroute53.ARecord
}

var (
	domainNamePattern  = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$`)
	mappingPathPattern = regexp.MustCompile(`^[A-Za-z0-9$\-_.+!*'()]{0,300}$`)
)

func (d *DomainProps) validate() error {
	switch {
	case d == nil:
		return nil
	case d.DomainName != nil && (d.Name != "" || d.Certificate != nil):
		return errors.New("Domain.DomainName is set beside Domain.Name or Domain.Certificate: give it, or both of them")
	case d.DomainName == nil && d.Name == "":
		return errors.New("Domain.Name is empty: give the domain name, such as stream.example.com, or Domain.DomainName")
	case d.Name != "" && !unresolved(d.Name) && !domainNamePattern.MatchString(d.Name):
		return fmt.Errorf("Domain.Name is %q: give a name in lower case, without scheme, port and path, such as stream.example.com", d.Name)
	case d.DomainName == nil && d.Certificate == nil:
		return errors.New("Domain.Certificate is nil: give one for Domain.Name of AWS Certificate Manager, in the stack's region")
	case !mappingPathPattern.MatchString(d.Path):
		return fmt.Errorf("Domain.Path is %q: give up to 300 letters, digits and $ - _ . + ! * ' ( ), without a slash", d.Path)
	}
	if d.Zone == nil {
		return nil
	}
	name := d.name()
	if zone := zoneName(d.Zone); zone != "" && !unresolved(name) && !unresolved(zone) && name != zone && !strings.HasSuffix(name, "."+zone) {
		return fmt.Errorf("Domain.Zone is %s, to which %s does not belong: give its zone, or none", zone, name)
	}
	return nil
}

// zoneName is a zone's name without the dot at its end, empty if the zone is known by its id
// alone: the CDK panics when it is asked for the name of such a one.
func zoneName(zone awsroute53.IHostedZone) (name string) {
	defer func() { _ = recover() }()
	return strings.TrimSuffix(*zone.ZoneName(), ".")
}

func (d *DomainProps) name() string {
	if d.DomainName != nil {
		return *d.DomainName.Name()
	}
	return d.Name
}

// validateCertificate finds the mistake of a certificate for CloudFront, which are all in one
// region.
func (d *DomainProps) validateCertificate(stack awscdk.Stack) error {
	if d == nil || d.Certificate == nil {
		return nil
	}
	arn, region := *d.Certificate.CertificateArn(), *stack.Region()
	if unresolved(arn) || unresolved(region) {
		return nil
	}
	if of := awscdk.Arn_Split(jsii.String(arn), awscdk.ArnFormat_SLASH_RESOURCE_NAME).Region; of != nil && *of != region {
		return fmt.Errorf("Domain.Certificate is in %s and the stack in %s: give one of the stack's region", *of, region)
	}
	return nil
}

// addDomain maps the domain to the stage.
func (s *StreamerConstruct) addDomain(d *DomainProps) {
	if d == nil {
		return
	}
	s.Domain.Name = d.DomainName
	if d.DomainName == nil {
		s.Domain.Name = awsapigatewayv2.NewDomainName(s, jsii.String("Domain"), &awsapigatewayv2.DomainNameProps{
			DomainName:     jsii.String(d.Name),
			Certificate:    d.Certificate,
			EndpointType:   awsapigatewayv2.EndpointType_REGIONAL,
			SecurityPolicy: awsapigatewayv2.SecurityPolicy_TLS_1_2,
		})
	}
	mapping := &awsapigatewayv2.ApiMappingProps{Api: s.API, Stage: s.Stage, DomainName: s.Domain.Name}
	if d.Path != "" {
		mapping.ApiMappingKey = jsii.String(d.Path)
	}
	s.Domain.Mapping = awsapigatewayv2.NewApiMapping(s, jsii.String("DomainMapping"), mapping)
	if d.Zone != nil {
		s.Domain.Record = awsroute53.NewARecord(s, jsii.String("DomainRecord"), &awsroute53.ARecordProps{
			Zone:       d.Zone,
			RecordName: jsii.String(d.name() + "."), // the dot keeps the CDK from appending the zone's name
			Target: awsroute53.RecordTarget_FromAlias(awsroute53targets.NewApiGatewayv2DomainProperties(
				s.Domain.Name.RegionalDomainName(), s.Domain.Name.RegionalHostedZoneId())),
		})
	}
}

// url is where clients connect to.
func (d *DomainProps) url() *string {
	return jsii.String(strings.TrimSuffix("wss://"+d.name()+"/"+d.Path, "/"))
}
