package constructs

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2authorizers"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2integrations"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
	"github.com/pay-theory/streamer/internal/contract"
)

// Routes are the routes of the API. Each has its integration within it.
type Routes struct {
	Connect, Disconnect awsapigatewayv2.WebSocketRoute
	Default             awsapigatewayv2.WebSocketRoute // every message
}

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
		DetailedMetricsEnabled: jsii.Bool(p.DetailedMetrics),
	})
	s.addDomain(p.Domain)
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
func (s *StreamerConstruct) addRoutes(p *StreamerProps) {
	s.Routes.Connect = s.addRoute("$connect", &awsapigatewayv2.WebSocketRouteOptions{Authorizer: s.routeAuthorizer()})
	s.Routes.Disconnect = s.addRoute("$disconnect", &awsapigatewayv2.WebSocketRouteOptions{})
	s.Routes.Default = s.addRoute("$default", &awsapigatewayv2.WebSocketRouteOptions{
		// What the router returns is the answer, without a call to @connections.
		ReturnResponse: jsii.Bool(s.local.routeResponse()),
	})
	for _, route := range []awsapigatewayv2.WebSocketRoute{s.Routes.Disconnect, s.Routes.Default} {
		suppress(route, "AwsSolutions-APIG4", "API Gateway has authorizers on $connect alone, and keeps for the connection what that one said.")
	}
	s.throttleRoute(s.Routes.Connect, p, p.Throttle.Connects)
	s.throttleRoute(s.Routes.Default, p, p.Throttle.Messages)
}

// throttleRoute gives a route limits of its own, if they are others than those of all.
func (s *StreamerConstruct) throttleRoute(route awsapigatewayv2.WebSocketRoute, p *StreamerProps, own RouteThrottleProps) {
	if own == (RouteThrottleProps{p.Throttle.RatePerSecond, p.Throttle.Burst}) {
		return
	}
	stage := s.Stage.Node().DefaultChild().(awsapigatewayv2.CfnStage)
	stage.AddPropertyOverride(jsii.String("RouteSettings."+*route.RouteKey()), map[string]any{
		"ThrottlingRateLimit":    own.RatePerSecond,
		"ThrottlingBurstLimit":   own.Burst,
		"DetailedMetricsEnabled": p.DetailedMetrics, // settings of a route stand in place of those of all
	})
	s.Stage.Node().AddDependency(route) // API Gateway refuses settings of a route that is not there
}

// routeAuthorizer is what stands before $connect.
func (s *StreamerConstruct) routeAuthorizer() awsapigatewayv2.IWebSocketRouteAuthorizer {
	if s.Authorizer == nil {
		return awsapigatewayv2authorizers.NewWebSocketIamAuthorizer()
	}
	var authorizer awslambda.IFunction = s.Authorizer
	if alias, ours := s.Aliases[contract.FunctionAuthorizer]; ours {
		authorizer = alias
	}
	return awsapigatewayv2authorizers.NewWebSocketLambdaAuthorizer(jsii.String("Authorizer"), authorizer,
		&awsapigatewayv2authorizers.WebSocketLambdaAuthorizerProps{
			// Explicitly none. With a source, API Gateway itself refuses connections that
			// lack it, and the CDK's default, the Authorization header, is one that no
			// browser can send. The authorizer looks in all three places.
			IdentitySource: &[]*string{},
		})
}

func (s *StreamerConstruct) addRoute(key string, options *awsapigatewayv2.WebSocketRouteOptions) awsapigatewayv2.WebSocketRoute {
	options.Integration = awsapigatewayv2integrations.NewWebSocketLambdaIntegration(jsii.String("Integration"), s.Aliases[contract.FunctionRouter], nil)
	route := s.API.AddRoute(jsii.String(key), options)
	// Where a deployment changes whom the API invokes, it must be permitted before.
	route.Node().FindChild(jsii.String("Integration")).Node().AddDependency(route.Node().FindChild(jsii.String("Integration-Permission")))
	return route
}
