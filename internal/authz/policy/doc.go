// Package policy is the IAM policy language: it parses documents, matches
// requests against them, evaluates all policies that speak about a request and
// explains the decision. It is pure: no clock, no store, no network.
//
// What a newcomer gets wrong: an explicit deny in any policy wins over every
// allow, and a policy that does not parse must never be saved; there is no
// "skip what I do not understand".
package policy
