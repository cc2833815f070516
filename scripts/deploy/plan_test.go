package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/pay-theory/streamer/internal/place"
)

func TestCommandLine(t *testing.T) {
	for line, want := range map[string]string{
		"":                   "say up, outputs or down",
		"jump dev":           `"jump" is none of`,
		"up":                 "say which stage",
		"up dev prod":        "say which stage",
		"up -c nothing dev":  "want KEY=VALUE",
		"outputs -yes dev":   "not defined",
		"down -yes -c a=b x": "",
	} {
		_, c, err := parse(strings.Fields(line), &bytes.Buffer{})
		switch {
		case want != "":
			wantError(t, err, want)
		case err != nil || !c.yes || c.stack() != "Streamer-x" || len(c.context) != 1:
			t.Errorf("%s: %+v, %v", line, c, err)
		}
	}
}

func TestNoModules(t *testing.T) {
	t.Chdir(t.TempDir())
	wantError(t, cdk(t.Context(), place.Place{}, terminal{}, "synth"), "run make node_modules")
}

func TestStatesOfAStack(t *testing.T) {
	for status, want := range map[types.StackStatus]struct{ state, refusal, after string }{
		types.StackStatusReviewInProgress:       {state: "new", after: "see its events"},
		types.StackStatusCreateComplete:         {state: "is there", after: "the version before it runs"},
		types.StackStatusUpdateRollbackComplete: {state: "is there", after: "the version before it runs"},
		types.StackStatusRollbackComplete:       {state: "never came up", after: "it never came up"},
		types.StackStatusUpdateInProgress:       {refusal: "being changed by somebody", after: "see its events"},
		types.StackStatusUpdateRollbackFailed:   {refusal: "continue-update-rollback --stack-name Streamer-dev", after: "see its events"},
		types.StackStatusDeleteFailed:           {refusal: "make destroy", after: "see its events"},
	} {
		stack := &types.Stack{StackName: aws.String("Streamer-dev"), StackStatus: status}
		state, err := deployable(stack)
		if want.refusal != "" {
			wantError(t, err, want.refusal)
		} else if err != nil || !strings.HasPrefix(state, want.state) {
			t.Errorf("%s: %s, %v", status, state, err)
		}
		if after := afterFailure(stack); !strings.Contains(after, want.after) {
			t.Errorf("%s: %s", status, after)
		}
	}
	if state, err := deployable(nil); err != nil || state != "new" {
		t.Errorf("no stack: %s, %v", state, err)
	}
}

func TestPlan(t *testing.T) {
	keys := `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"one","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/keys" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(keys)) // a client that went away is not ours
	}))
	t.Cleanup(issuer.Close)
	templateWith := func(config string) template {
		text, err := json.Marshal(map[string]any{"Resources": map[string]any{
			"Authorizer": map[string]any{"Type": "AWS::Lambda::Function", "Properties": map[string]any{"Environment": map[string]any{"Variables": map[string]any{"STREAMER_AUTH": config}}}},
			"Loud":       map[string]any{"Type": "AWS::CloudWatch::Alarm", "Properties": map[string]any{"AlarmActions": []any{map[string]any{"Ref": "Topic"}}}},
			"Silent":     map[string]any{"Type": "AWS::CloudWatch::Alarm"},
		}})
		if err != nil {
			t.Fatal(err)
		}
		var made template
		if err := json.Unmarshal(text, &made); err != nil {
			t.Fatal(err)
		}
		return made
	}
	for _, c := range []struct{ config, said, refusal string }{
		{`{"issuer":"i","audiences":["a","b"],"jwks":` + keys + `}`, "those of i for a, b", ""},
		{`{"issuer":"i","audiences":["a"],"jwks_url":"` + issuer.URL + `/keys"}`, "keys of the issuer: 1", ""},
		{`{"issuer":"i","audiences":["a"],"jwks_url":"` + issuer.URL + `/none"}`, "WHICH NOBODY COULD CHECK", "nothing was done"},
		{`{"anonymous":true}`, "everybody is let in", ""},
	} {
		var out bytes.Buffer
		term := terminal{strings.NewReader("n\n"), &out}
		err := command{}.sayTokens(t.Context(), templateWith(c.config), term)
		if c.refusal != "" {
			wantError(t, err, c.refusal)
		} else if err != nil {
			t.Errorf("%s: %v", c.config, err)
		}
		sayAlarms(templateWith(c.config), term)
		wantSaid(t, out.String(), c.said, "2, of which 1 tell somebody")
	}
}
