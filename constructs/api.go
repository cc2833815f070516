package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2authorizers"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2integrations"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
)

// addAPI makes the WebSocket API and its stage. Its routes come with addRoutes, when
// the functions exist: they in turn need to know the stage's address.
func (s *StreamerConstruct) addAPI(p *StreamerProps) {
	s.API = awsapigatewayv2.NewWebSocketApi(s, jsii.String("Api"), &awsapigatewayv2.WebSocketApiProps{
		Description: jsii.String("Streamer: requests in, progress and results out"),
	})
	s.Stage = awsapigatewayv2.NewWebSocketStage(s, jsii.String("Stage"), &awsapigatewayv2.WebSocketStageProps{
		WebSocketApi: s.API,
		StageName:    jsii.String(p.StageName),
		AutoDeploy:   jsii.Bool(true),
		Throttle: &awsapigatewayv2.ThrottleSettings{
			RateLimit:  jsii.Number(p.Throttle.RatePerSecond),
			BurstLimit: jsii.Number(p.Throttle.Burst),
		},
	})
	if p.AccessLogs != nil {
		s.writeAccessLogs(p.AccessLogs)
	}
}

// writeAccessLogs sends a line of JSON for each event to the log group. None of the
// fields can hold a token or a payload.
func (s *StreamerConstruct) writeAccessLogs(logs awslogs.ILogGroup) {
	const format = `{"time":"$context.requestTime","request":"$context.requestId","connection":"$context.connectionId",` +
		`"event":"$context.eventType","route":"$context.routeKey","status":"$context.status","ip":"$context.identity.sourceIp",` +
		`"authorizer_status":"$context.authorizer.status","integration_latency_ms":"$context.integrationLatency","error":"$context.error.message"}`
	s.Stage.Node().DefaultChild().(awsapigatewayv2.CfnStage).SetAccessLogSettings(&awsapigatewayv2.CfnStage_AccessLogSettingsProperty{
		DestinationArn: awscdk.Stack_Of(s).FormatArn(&awscdk.ArnComponents{
			Service: jsii.String("logs"), Resource: jsii.String("log-group"),
			ResourceName: logs.LogGroupName(), ArnFormat: awscdk.ArnFormat_COLON_RESOURCE_NAME,
		}),
		Format: jsii.String(format),
	})
}

// addRoutes connects the API to the router, past the authorizer.
func (s *StreamerConstruct) addRoutes() {
	s.addRoute("$connect", s.Router, &awsapigatewayv2.WebSocketRouteOptions{Authorizer: s.routeAuthorizer()})
	s.addRoute("$disconnect", s.Router, &awsapigatewayv2.WebSocketRouteOptions{})
	s.addRoute("$default", s.Router, &awsapigatewayv2.WebSocketRouteOptions{
		// What the router returns is the answer, without a call to @connections.
		ReturnResponse: jsii.Bool(s.local.routeResponse()),
	})
}

// routeAuthorizer is what stands before $connect.
func (s *StreamerConstruct) routeAuthorizer() awsapigatewayv2.IWebSocketRouteAuthorizer {
	if s.Authorizer == nil {
		return awsapigatewayv2authorizers.NewWebSocketIamAuthorizer()
	}
	return awsapigatewayv2authorizers.NewWebSocketLambdaAuthorizer(jsii.String("Authorizer"), s.Authorizer,
		&awsapigatewayv2authorizers.WebSocketLambdaAuthorizerProps{
			// Explicitly none. With a source, API Gateway itself refuses connections that
			// lack it, and the CDK's default, the Authorization header, is one that no
			// browser can send. The authorizer looks in all three places.
			IdentitySource: &[]*string{},
		})
}

func (s *StreamerConstruct) addRoute(key string, function awslambda.IFunction, options *awsapigatewayv2.WebSocketRouteOptions) {
	options.Integration = awsapigatewayv2integrations.NewWebSocketLambdaIntegration(jsii.String("Integration"), function, nil)
	s.API.AddRoute(jsii.String(key), options)
}
