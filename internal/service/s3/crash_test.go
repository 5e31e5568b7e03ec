package s3_test

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"gatehouse/internal/seal"
	"gatehouse/internal/service/s3"
	"gatehouse/internal/service/s3/blob"
	"gatehouse/internal/store"
	"gatehouse/internal/store/storetest"
)

// The child of TestKill is this test binary, started with these variables.
const (
	childDir = "S3_TEST_CHILD_DIR"
	childURL = "S3_TEST_CHILD_DATABASE"
	childKey = "S3_TEST_CHILD_KEY"
	kills    = "GATEHOUSE_TEST_KILLS" // how often to kill; 6 when unset
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := serveChild(dir, os.Getenv(childURL), os.Getenv(childKey)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveChild serves until it is killed. Its first line says where.
func serveChild(dir, url, key string) error {
	ring, err := seal.Open(seal.Config{Keys: key})
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, store.Config{Dir: filepath.Join(dir, "db"), URL: url, Ring: ring, Now: time.Now})
	if err != nil {
		return err
	}
	blobs, err := blob.OpenFiles(filepath.Join(dir, "objects"))
	if err != nil {
		return err
	}
	w := &world{}
	svc, err := s3.New(s3.Config{DB: db, Blobs: blobs, Authenticator: &authenticator{now: time.Now}, Access: w, Account: account, BaseDomain: "localhost", Now: time.Now})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, svc)
}

type child struct {
	cmd    *exec.Cmd
	client *awss3.Client
}

func startChild(t *testing.T, dir, url, key string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childURL+"="+url, childKey+"="+key)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the child did not start: %v", err)
	}
	addr, err := net.ResolveTCPAddr("tcp", strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	fake := &httptest.Server{URL: "http://" + addr.String(), Listener: addrListener{addr: addr}}
	return &child{cmd, clientFor(fake, "root")}
}

// addrListener is only an address.
type addrListener struct {
	net.Listener
	addr net.Addr
}

func (l addrListener) Addr() net.Addr { return l.addr }

func (c *child) kill() {
	c.cmd.Process.Kill()
	c.cmd.Wait()
}

// TestKill kills the server in the middle of writes, again and again. Every
// object whose PUT was acknowledged must be there with its bytes; one that was
// not may be old or new, but never a mixture.
func TestKill(t *testing.T) {
	rounds := 6
	if v := os.Getenv(kills); v != "" {
		var err error
		if rounds, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	}
	storetest.EachConfig(t, func(t *testing.T, c store.Config) {
		const seed = 11
		rnd := rand.New(rand.NewPCG(seed, 0))
		dir, key := t.TempDir(), seal.NewKey()
		const bucket = "crash"
		var mu sync.Mutex
		acknowledged := map[string]string{}      // key to MD5
		possible := map[string]map[string]bool{} // key to the MD5s of writes whose outcome is unknown
		write := func(cl *awss3.Client, worker, n int) error {
			mu.Lock()
			name := fmt.Sprintf("%d/%d", worker, rnd.IntN(8))
			body := make([]byte, []int{0, 10, 4096, 300_000}[rnd.IntN(4)])
			for i := range body {
				body[i] = byte(rnd.Uint32())
			}
			multipart := rnd.IntN(4) == 0
			sum := fmt.Sprintf("%x", md5.Sum(body))
			if possible[name] == nil {
				possible[name] = map[string]bool{}
			}
			possible[name][sum] = true
			mu.Unlock()
			if err := putOne(cl, bucket, name, body, multipart); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			acknowledged[name] = sum
			possible[name] = map[string]bool{sum: true}
			return nil
		}
		total := 0
		for round := range rounds {
			srv := startChild(t, dir, c.URL, key)
			if round == 0 {
				if _, err := srv.client.CreateBucket(ctx, &awss3.CreateBucketInput{Bucket: aws.String(bucket)}); err != nil {
					t.Fatal(err)
				}
			}
			mu.Lock()
			wait := time.Duration(50+rnd.IntN(250)) * time.Millisecond
			mu.Unlock()
			var wg sync.WaitGroup
			for worker := range 4 {
				wg.Go(func() {
					for n := 0; write(srv.client, worker, n) == nil; n++ {
						mu.Lock()
						total++
						mu.Unlock()
					}
				})
			}
			time.Sleep(wait)
			srv.kill()
			wg.Wait()

			srv = startChild(t, dir, c.URL, key)
			for name, sums := range possible {
				out, err := srv.client.GetObject(ctx, &awss3.GetObjectInput{Bucket: aws.String(bucket), Key: &name})
				if err != nil {
					if acknowledged[name] != "" {
						t.Fatalf("seed %d round %d: acknowledged object %s: %v", seed, round, name, err)
					}
					continue
				}
				got := fmt.Sprintf("%x", md5.Sum([]byte(read(t, out.Body))))
				if got != acknowledged[name] && !sums[got] {
					t.Fatalf("seed %d round %d: object %s has other bytes than any that were written", seed, round, name)
				}
				acknowledged[name] = got
				possible[name] = map[string]bool{got: true}
			}
			srv.kill()
		}
		if total == 0 {
			t.Fatal("no write was acknowledged: the test has shown nothing")
		}
		t.Logf("%d writes acknowledged over %d kills, none lost", total, rounds)
	})
}

func putOne(c *awss3.Client, bucket, key string, body []byte, multipart bool) error {
	if !multipart {
		_, err := c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)})
		return err
	}
	up, err := c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return err
	}
	out, err := c.UploadPart(ctx, &awss3.UploadPartInput{Bucket: &bucket, Key: &key, UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: bytes.NewReader(body)})
	if err != nil {
		return err
	}
	_, err = c.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{Bucket: &bucket, Key: &key, UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32}}}})
	return err
}
