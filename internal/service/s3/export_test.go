package s3

// OperationRow is a row of the table of operations, for tests that go through
// all of them.
type OperationRow struct {
	Name, Method, Query, Header string
	Service, Bucket, Object     bool
	Actions                     []string // what it needs always
}

// Operations is the table.
func Operations() []OperationRow {
	var rows []OperationRow
	for _, op := range operations {
		row := OperationRow{Name: op.name, Method: op.method, Query: op.query, Header: op.header,
			Service: op.on == onService, Bucket: op.on == onBucket, Object: op.on == onObject}
		for _, p := range op.needs {
			if p.when == nil {
				row.Actions = append(row.Actions, "s3:"+p.action)
			}
		}
		rows = append(rows, row)
	}
	return rows
}
