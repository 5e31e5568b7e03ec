package store_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
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

// BenchmarkUsers is a page of ListUsers, by each filter, in a pool of a thousand
// and in a large one: of GATEHOUSE_BENCH_USERS users, or 20,000.
func BenchmarkUsers(b *testing.B) {
	large := 20_000
	if text := os.Getenv("GATEHOUSE_BENCH_USERS"); text != "" {
		var err error
		if large, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	for _, kind := range storetest.Kinds(b) {
		db := storetest.OpenConfig(b, storetest.New(b, kind))
		for _, n := range []int{1000, large} {
			pool := fmt.Sprint(n)
			crowd(b, db, pool, n)
		}
		if kind == "postgres" {
			if err := db.Write(context.Background(), func(tx *store.Tx) error { _, err := tx.Exec("analyze"); return err }); err != nil {
				b.Fatal(err)
			}
		}
		for _, s := range searches() {
			for _, n := range []int{1000, large} {
				pool := fmt.Sprint(n)
				key, sub := position(b, db, pool, s, n)
				b.Run(fmt.Sprintf("%s/%s/%d", kind, s.name, n), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if err := db.ReadOne(context.Background(), func(tx *store.Tx) error {
							list, err := store.Users(tx, pool, s.filter, key, sub, 60)
							if err == nil && s.want >= 0 && len(list) != s.want {
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
	}
}
