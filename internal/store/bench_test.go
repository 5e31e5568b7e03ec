package store_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

// BenchmarkWrite is one durable row a Write, by so many writers at once.
func BenchmarkWrite(b *testing.B) {
	for _, kind := range storetest.Kinds(b) {
		for _, writers := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("%s/%d", kind, writers), func(b *testing.B) {
				db := storetest.OpenConfig(b, storetest.New(b, kind))
				var next atomic.Int64
				before := db.Stats().Commits
				b.ResetTimer()
				var wg sync.WaitGroup
				for range writers {
					wg.Go(func() {
						for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
							if err := db.Write(context.Background(), func(tx *store.Tx) error {
								return store.Spend(tx, "bench", fmt.Sprint(i), tx.Now.Add(time.Hour))
							}); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
				b.ReportMetric(float64(b.N)/float64(db.Stats().Commits-before), "writes/commit")
			})
		}
	}
}

// BenchmarkRead is one row by its key.
func BenchmarkRead(b *testing.B) {
	for _, kind := range storetest.Kinds(b) {
		db := storetest.OpenConfig(b, storetest.New(b, kind))
		if err := db.Write(context.Background(), func(tx *store.Tx) error {
			for i := range 1000 {
				if err := store.Spend(tx, "bench", fmt.Sprint(i), tx.Now); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
		read := func(b *testing.B, i int) {
			if err := db.Read(context.Background(), func(tx *store.Tx) error {
				var at int64
				return tx.QueryRow("select expires_at from spent_tokens where scope = $1 and id = $2", "bench", fmt.Sprint(i%1000)).Scan(&at)
			}); err != nil {
				b.Error(err)
			}
		}
		b.Run(kind+"/1", func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				read(b, i)
			}
		})
		b.Run(kind+"/parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					read(b, i)
				}
			})
		})
	}
}

// BenchmarkOpen is a start on a folder that is there already.
func BenchmarkOpen(b *testing.B) {
	for _, kind := range storetest.Kinds(b) {
		b.Run(kind, func(b *testing.B) {
			c := storetest.New(b, kind)
			for b.Loop() {
				db, err := store.Open(b.Context(), c)
				if err != nil {
					b.Fatal(err)
				}
				if err := db.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkUsers finds one of a thousand users by e-mail address, as ListUsers
// does.
func BenchmarkUsers(b *testing.B) {
	for _, kind := range storetest.Kinds(b) {
		db := storetest.OpenConfig(b, storetest.New(b, kind))
		email := func(i int) string { return fmt.Sprintf("user%d@example.com", i) }
		if err := db.Write(context.Background(), func(tx *store.Tx) error {
			for i := range 1000 {
				name := fmt.Sprint("user", i)
				if err := store.InsertUser(tx, &store.User{PoolID: "pool", Sub: name, Username: name, UsernameKey: name,
					Attributes: []store.Attribute{{Name: "email", Value: email(i)}}}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := db.ReadOne(context.Background(), func(tx *store.Tx) error {
					list, err := store.Users(tx, "pool", store.UserFilter{Name: "email", Value: email(i % 1000)}, "", "", 60)
					if err == nil && len(list) != 1 {
						err = store.ErrNotFound
					}
					return err
				}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
