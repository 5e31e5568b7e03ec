package store

import (
	"fmt"
	"regexp"
)

var createTable = regexp.MustCompile(`(?m)^create table ([a-z0-9_]+)`)

// kept are the tables that Reset leaves alone: without them the store is not
// this store any more.
var kept = map[string]bool{"store_settings": true, "config_generation": true}

// Reset empties the store but for the root user's access keys. It is what a
// developer's server does between tests; the list of tables is that of the
// migrations, so none can be forgotten.
func Reset(tx *Tx) error {
	tx.ConfigChanged()
	names, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		return err
	}
	for _, n := range names {
		text, err := migrationFiles.ReadFile("migrations/" + n.Name())
		if err != nil {
			return err
		}
		for _, m := range createTable.FindAllSubmatch(text, -1) {
			table := string(m[1])
			if kept[table] {
				continue
			}
			query := `delete from ` + table
			if table == "iam_access_keys" {
				query += ` where owner_id <> 'root'`
			}
			if _, err := tx.exec(query); err != nil {
				return fmt.Errorf("empty %s: %w", table, err)
			}
		}
	}
	return nil
}
