package store

import "context"

// Generation grows whenever a transaction that called ConfigChanged commits, on
// this node before its Write returns and on the others within half a second.
// Read it before the Read that fills a cache, keep it with what was cached, and
// drop the cache when it has changed.
func (db *DB) Generation() uint64 { return db.generation.Load() }

// bumpGeneration is the last statement of a transaction that changed the
// configuration: the row it locks is the only one that all such writes share.
func (tx *Tx) bumpGeneration() error {
	var value int64
	err := tx.queryRow("update config_generation set value = value + 1 where id = 1 returning value").Scan(&value)
	tx.generation = uint64(value)
	return err
}

// learnGeneration takes over a committed generation; an older one, which a
// slow poll may bring, changes nothing.
func (db *DB) learnGeneration(g uint64) {
	for {
		old := db.generation.Load()
		if g <= old || db.generation.CompareAndSwap(old, g) {
			return
		}
	}
}

func (db *DB) pollGeneration(ctx context.Context) error {
	return db.backend.read(ctx, true, func(tx *Tx) error {
		var value int64
		if err := tx.queryRow("select value from config_generation where id = 1").Scan(&value); err != nil {
			return err
		}
		db.learnGeneration(uint64(value))
		return nil
	})
}
