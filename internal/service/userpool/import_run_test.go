package userpool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

const importPool = "us-east-1_Imports00"

// importWorld is a pool and the nodes that import into it, with one clock.
type importWorld struct {
	testing.TB
	db     *store.DB
	config Config
	ahead  atomic.Int64
	header []string
}

func newImportWorld(t testing.TB, c store.Config) *importWorld {
	t.Helper()
	w := &importWorld{TB: t}
	began := time.Now()
	c.Now = func() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }
	w.db = storetest.OpenConfig(t, c)
	p := &cognitoidp.UserPoolType{SchemaAttributes: pool.StandardSchema(), AutoVerifiedAttributes: []cognitoidp.VerifiedAttributeType{"email"},
		AliasAttributes: []cognitoidp.AliasAttributeType{"email"}}
	settings, err := json.Marshal(p)
	w.ok(err)
	w.write(func(tx *store.Tx) error {
		return store.PutUserPool(tx, &store.UserPool{ID: importPool, Name: "p", Settings: string(settings), CreatedAt: began, UpdatedAt: began})
	})
	w.config = Config{DB: w.db, Ring: c.Ring, Now: c.Now, Log: slog.New(slog.DiscardHandler), PublicURL: "http://localhost"}
	out, err := w.node().GetCSVHeader(t.Context(), &cognitoidp.GetCSVHeaderInput{UserPoolId: new(importPool)})
	w.ok(err)
	w.header = out.CSVHeader
	return w
}

func (w *importWorld) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// node is one more server on the store.
func (w *importWorld) node() *Service {
	c := w.config
	c.Pools = pool.NewRegistry(w.db)
	return New(c)
}

func (w *importWorld) write(fn func(tx *store.Tx) error) {
	w.Helper()
	w.ok(w.db.Write(w.Context(), fn))
}

func (w *importWorld) read(fn func(tx *store.Tx) error) {
	w.Helper()
	w.ok(w.db.Read(w.Context(), fn))
}

func (w *importWorld) advance(d time.Duration) { w.ahead.Add(int64(d)) }

// create makes a job; the role is nobody's to refuse here.
func (w *importWorld) create(id string) *store.UserImport {
	j := &store.UserImport{PoolID: importPool, ID: id, Name: "j", RoleARN: "r", Status: importCreated}
	w.write(func(tx *store.Tx) error {
		j.CreatedAt = tx.Now
		return store.InsertUserImport(tx, j)
	})
	return j
}

func (w *importWorld) upload(s *Service, j *store.UserImport, body io.Reader) error {
	u, err := url.Parse(s.uploadURL(j))
	w.ok(err)
	return s.UploadUserImport(w.Context(), j.PoolID, j.ID, u.Query().Get("token"), body)
}

func (w *importWorld) start(s *Service, id string) {
	w.Helper()
	_, err := s.StartUserImportJob(w.Context(), &cognitoidp.StartUserImportJobInput{UserPoolId: new(importPool), JobId: &id})
	w.ok(err)
}

func (w *importWorld) job(id string) (j *store.UserImport) {
	w.Helper()
	w.read(func(tx *store.Tx) (err error) {
		j, err = store.UserImportByID(tx, importPool, id)
		return err
	})
	return j
}

// rows are n rows of an import file, without memory for all of them. The
// address of every bad-th is none.
func (w *importWorld) rows(n, bad int) io.Reader {
	i := -1
	pending := ""
	return readerFunc(func(p []byte) (int, error) {
		for pending == "" {
			switch {
			case i < 0:
				pending = strings.Join(w.header, ",") + "\n"
			case i >= n:
				return 0, io.EOF
			default:
				cells := make([]string, len(w.header))
				for k, name := range w.header {
					switch name {
					case usernameColumn:
						cells[k] = fmt.Sprintf("user%07d", i)
					case mfaColumn:
						cells[k] = "false"
					case "email":
						cells[k] = fmt.Sprintf("user%07d@example.com", i)
						if bad > 0 && i%bad == 0 {
							cells[k] = "none"
						}
					case "email_verified":
						cells[k] = "true"
					case "name", "given_name", "family_name":
						cells[k] = fmt.Sprintf("%s of %d", name, i)
					}
				}
				pending = strings.Join(cells, ",") + "\n"
			}
			i++
		}
		m := copy(p, pending)
		pending = pending[m:]
		return m, nil
	})
}

// stored counts the chunks of the file "f" and of the first job's.
func (w *importWorld) stored() (chunks int) {
	w.Helper()
	w.read(func(tx *store.Tx) error {
		for n := int64(0); n < 4; n++ {
			for _, f := range []string{"f", w.job("import-1").FileID} {
				_, err := store.ImportChunk(tx, importPool, f, n)
				if err == nil {
					chunks++
				} else if !errors.Is(err, store.ErrNotFound) {
					return err
				}
			}
		}
		return nil
	})
	return chunks
}

// TestRunImports_takeover: a node that died in the middle is followed by
// another one when its lease has run out, and one that was only slow writes no
// more.
func TestRunImports_takeover(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		w := newImportWorld(t, c)
		slow, next := w.node(), w.node()
		j := w.create("import-1")
		w.ok(w.upload(slow, j, w.rows(1000, 10)))
		w.start(slow, j.ID)

		// The slow node claims, checks and adds two batches, and hangs.
		dying, die := context.WithCancel(t.Context())
		defer die()
		w.write(func(tx *store.Tx) (err error) {
			if j, err = store.NextUserImport(tx); err != nil {
				return err
			}
			j.Holder, j.LeaseUntil = "slow", tx.Now.Add(importLease)
			return store.UpdateUserImport(tx, j)
		})
		r := &importRun{s: slow, job: j}
		p, err := slow.Pools.Pool(dying, importPool)
		w.ok(err)
		rows := newImportReader(r.file(dying, 0), 0, 0)
		columns, header, err := rows.header(importColumns(p))
		w.ok(err)
		r.columns = columns
		w.ok(r.hold(dying, func(_ *store.Tx, j *store.UserImport) error {
			j.Status, j.ReadTo, j.Line = importInProgress, header.end, header.lines
			return nil
		}))
		for range 2 {
			w.ok(r.batch(dying, rows))
		}
		if did, err := next.runNextImport(t.Context()); did || err != nil {
			t.Fatalf("a job that is held was taken: %v", err)
		}
		w.advance(importLease)
		if did, err := next.runNextImport(t.Context()); !did || err != nil {
			t.Fatalf("a job whose lease has run out was not taken: %v", err)
		}
		if err := r.batch(dying, rows); !errors.Is(err, errImportLost) {
			t.Errorf("the slow node writes on: %v", err)
		}
		got := w.job("import-1")
		if got.Status != importSucceeded || got.Imported != 900 || got.Failed != 100 || got.Skipped != 0 || got.Line != 1001 {
			t.Errorf("the job is %+v", got)
		}
		w.read(func(tx *store.Tx) error {
			n, err := store.CountUsers(tx, importPool)
			if n != 900 {
				t.Errorf("%d users", n)
			}
			return err
		})
	})
}

// TestRunImports_log: the log has a bound, the counters have none.
func TestRunImports_log(t *testing.T) {
	w := newImportWorld(t, storetest.New(t, "sqlite"))
	s := w.node()
	j := w.create("import-1")
	w.ok(w.upload(s, j, w.rows(maxImportLog+50, 1)))
	w.start(s, j.ID)
	_, err := s.runNextImport(t.Context())
	w.ok(err)
	var log strings.Builder
	w.ok(s.WriteUserImportLog(t.Context(), &cognitoidp.DescribeUserImportJobInput{UserPoolId: new(importPool), JobId: &j.ID}, &log))
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if got := w.job(j.ID); len(lines) != maxImportLog || got.Failed != maxImportLog+50 {
		t.Errorf("%d lines for %d failures", len(lines), got.Failed)
	}
	if last := lines[len(lines)-1]; last != "[FAILED] Line Number 10001 - Invalid email address format." {
		t.Errorf("the last line is %q", last)
	}
}

// TestUploadUserImport_leftovers: nothing stays of files that were cut off,
// too large, abandoned, replaced, read, or of a pool that is gone.
func TestUploadUserImport_leftovers(t *testing.T) {
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		w := newImportWorld(t, c)
		s := w.node()
		sweep := func() {
			for {
				did, err := s.sweepImportFiles(t.Context())
				w.ok(err)
				if !did {
					return
				}
			}
		}
		j := w.create("import-1")
		cut := io.MultiReader(w.rows(3000, 0), iotest.ErrReader(io.ErrUnexpectedEOF))
		if err := w.upload(s, j, cut); !errors.Is(err, ErrUploadBroken) {
			t.Errorf("an upload that was cut off: %v", err)
		}
		if err := w.upload(s, j, readerFunc(func(p []byte) (int, error) { return len(p), nil })); !errors.Is(err, ErrUploadLarge) {
			t.Errorf("an upload without an end: %v", err)
		}
		if got := w.job(j.ID); got.FileID != "" {
			t.Errorf("a broken upload became the file")
		}
		// One whose node died: nobody says that it ended.
		w.write(func(tx *store.Tx) error {
			if err := store.InsertImportFile(tx, importPool, "f", tx.Now.Add(uploadPause)); err != nil {
				return err
			}
			return store.InsertImportChunk(tx, importPool, "f", 0, []byte("x"))
		})
		sweep()
		if n := w.stored(); n != 1 {
			t.Errorf("%d chunks before the pause is over", n)
		}
		w.ok(w.upload(s, j, w.rows(3000, 0)))
		kept := w.job(j.ID).FileID
		w.advance(uploadPause)
		sweep()
		w.read(func(tx *store.Tx) error {
			_, err := store.ImportChunk(tx, importPool, kept, 1)
			return err
		})
		if n := w.stored(); n != 2 {
			t.Errorf("%d chunks, want those of the job's file", n)
		}
		w.write(func(tx *store.Tx) error { return store.DeleteUserPool(tx, importPool) })
		sweep()
		w.read(func(tx *store.Tx) error {
			for n := range int64(3) {
				if _, err := store.ImportChunk(tx, importPool, kept, n); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("chunk %d outlives its pool: %v", n, err)
				}
			}
			return nil
		})
	})
}

// BenchmarkUserImport imports 20 000 users, upload included, and says how large
// the heap got.
func BenchmarkUserImport(b *testing.B) {
	const rows = 20_000
	for _, kind := range storetest.Kinds(b) {
		b.Run(kind, func(b *testing.B) {
			var peak uint64
			for range b.N {
				b.StopTimer()
				w := newImportWorld(b, storetest.New(b, kind))
				s := w.node()
				j := w.create("import-1")
				runtime.GC()
				b.StartTimer()
				w.ok(w.upload(s, j, w.rows(rows, 0)))
				w.start(s, j.ID)
				done := make(chan error, 1)
				go func() {
					_, err := s.runNextImport(b.Context())
					done <- err
				}()
				for running := true; running; {
					select {
					case err := <-done:
						w.ok(err)
						running = false
					case <-time.After(50 * time.Millisecond):
						var m runtime.MemStats
						runtime.ReadMemStats(&m)
						peak = max(peak, m.HeapInuse)
					}
				}
				if got := w.job(j.ID); got.Imported != rows {
					b.Fatalf("%d users were imported: %s", got.Imported, got.Message)
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(peak)/(1<<20), "peak-heap-MiB")
		})
	}
}
