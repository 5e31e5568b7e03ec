package policy

// Document is a parsed, valid policy.
type Document struct{}
