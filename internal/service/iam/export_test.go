package iam

// InTable reports whether the table of permissions has an operation.
func InTable(op string) bool { _, ok := subjects[op]; return ok }

// TableSize is how many operations it has.
func TableSize() int { return len(subjects) }
