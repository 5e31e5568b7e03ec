package iam

import (
	"context"
	"strings"

	"gatehouse/internal/api"
	"gatehouse/internal/api/iam"
	"gatehouse/internal/authz/policy"
	"gatehouse/internal/store"
)

// Simulations answer what would be decided, by the same code that decides. They
// know only the condition keys that they are given.

// maxSimulated bounds the work of one request.
const maxSimulated = 10000

// simulation is one question after another about the same policies.
type simulation struct {
	who       policy.Principal
	policies  policy.Policies
	actions   []string
	resources []string
	context   policy.Context
}

// newSimulation reads what both operations have in common.
func (s *Service) newSimulation(inputs, boundaries []string, actions, resources []string, resourcePolicy *string, entries []iam.ContextEntry) (*simulation, error) {
	sim := &simulation{actions: actions, resources: resources, context: policy.Context{}}
	if len(sim.resources) == 0 {
		sim.resources = []string{"*"}
	}
	if len(sim.actions)*len(sim.resources) > maxSimulated {
		return nil, &iam.InvalidInputException{Message: "Too many combinations of actions and resources."}
	}
	for _, e := range entries {
		sim.context[strings.ToLower(api.Value(e.ContextKeyName))] = e.ContextKeyValues
	}
	add := func(list *[]policy.Source, name, text string, kind policy.Kind) error {
		d, err := policy.Parse(text, kind)
		if err != nil {
			return &iam.InvalidInputException{Message: name + ": " + err.Error()}
		}
		*list = append(*list, policy.Source{Name: name, Document: d})
		return nil
	}
	for _, text := range inputs {
		if err := add(&sim.policies.Identity, "PolicyInputList", text, policy.IdentityKind); err != nil {
			return nil, err
		}
	}
	for _, text := range boundaries {
		if err := add(&sim.policies.Boundary, "PermissionsBoundaryPolicyInputList", text, policy.IdentityKind); err != nil {
			return nil, err
		}
	}
	if resourcePolicy != nil {
		if err := add(&sim.policies.Resource, "ResourcePolicy", *resourcePolicy, policy.ResourceKind); err != nil {
			return nil, err
		}
	}
	return sim, nil
}

// results decides every action on every resource.
func (sim *simulation) results() []iam.EvaluationResult {
	var out []iam.EvaluationResult
	for _, action := range sim.actions {
		for _, resource := range sim.resources {
			req := &policy.Request{Principal: sim.who, Action: action, Resource: resource, Context: sim.context}
			d := policy.Evaluate(req, &sim.policies)
			decision := iam.PolicyEvaluationDecisionTypeImplicitDeny
			switch {
			case d.Allowed:
				decision = iam.PolicyEvaluationDecisionTypeAllowed
			case d.Explicit:
				decision = iam.PolicyEvaluationDecisionTypeExplicitDeny
			}
			r := iam.EvaluationResult{EvalActionName: new(action), EvalResourceName: new(resource), EvalDecision: &decision,
				MatchedStatements: []iam.Statement{}, MissingContextValues: []string{}}
			for _, c := range policy.Trace(req, &sim.policies) {
				// What decided: for an allow the allows, for a deny the denies.
				if c.Matched && (c.Effect == policy.Allow) == d.Allowed {
					r.MatchedStatements = append(r.MatchedStatements, iam.Statement{SourcePolicyId: new(c.Source)})
				}
			}
			if sim.policies.Boundary != nil {
				r.PermissionsBoundaryDecisionDetail = &iam.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: new(d.Allowed || d.Type != policy.BoundaryType)}
			}
			out = append(out, r)
		}
	}
	return out
}

// SimulateCustomPolicy decides with the policies that it is given, for a user
// who has no others.
func (s *Service) SimulateCustomPolicy(_ context.Context, in *iam.SimulateCustomPolicyInput) (*iam.SimulateCustomPolicyOutput, error) {
	sim, err := s.newSimulation(in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ActionNames, in.ResourceArns, in.ResourcePolicy, in.ContextEntries)
	if err != nil {
		return nil, err
	}
	sim.who = policy.Principal{Type: policy.User, Account: s.Account, ARN: api.Value(in.CallerArn)}
	out := &iam.SimulateCustomPolicyOutput{}
	out.EvaluationResults, out.IsTruncated, out.Marker, err = slice(sim.results(), in.MaxItems, in.Marker)
	return out, err
}

// SimulatePrincipalPolicy decides with a user's or role's policies and further
// ones.
func (s *Service) SimulatePrincipalPolicy(ctx context.Context, in *iam.SimulatePrincipalPolicyInput) (*iam.SimulatePrincipalPolicyOutput, error) {
	sim, err := s.newSimulation(in.PolicyInputList, in.PermissionsBoundaryPolicyInputList, in.ActionNames, in.ResourceArns, in.ResourcePolicy, in.ContextEntries)
	if err != nil {
		return nil, err
	}
	e, err := s.named(ctx, *in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	own, err := s.spoken(ctx, e.ID)
	if err != nil {
		return nil, err
	}
	sim.who = policy.Principal{Type: policy.User, Account: s.Account, ARN: s.arn(e), ID: e.ID, UniqueID: e.ID}
	if e.Kind == store.IAMRole {
		sim.who.Type, sim.who.RoleARN = policy.AssumedRole, s.arn(e)
	}
	sim.policies.Identity = append(sim.policies.Identity, own.identity...)
	if sim.policies.Boundary == nil { // given ones stand in for the entity's
		sim.policies.Boundary = own.boundary
	}
	out := &iam.SimulatePrincipalPolicyOutput{}
	out.EvaluationResults, out.IsTruncated, out.Marker, err = slice(sim.results(), in.MaxItems, in.Marker)
	return out, err
}
