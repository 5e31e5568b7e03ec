package s3_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"gatehouse/internal/store/storetest"
)

// zeros is a body that costs nothing to make.
type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.left)
	clear(p[:n])
	z.left -= n
	return int(n), nil
}

// TestFlatMemory streams an object through the server both ways and looks at
// the heap. S3_TEST_STREAM_MIB sets its size; 64 when unset.
func TestFlatMemory(t *testing.T) {
	size := int64(64 << 20)
	if v := os.Getenv("S3_TEST_STREAM_MIB"); v != "" {
		if _, err := fmt.Sscan(v, &size); err != nil {
			t.Fatal(err)
		}
		size <<= 20
	}
	w := newWorld(t, storetest.Open(t))
	b := w.bucket("streams", false)
	req, err := awss3.NewPresignClient(w.client("root")).PresignPutObject(ctx, &awss3.PutObjectInput{Bucket: &b, Key: aws.String("k")})
	fails(t, err, "")
	var most uint64
	stop, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		var m runtime.MemStats
		for {
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	start := time.Now()
	r, _ := http.NewRequest("PUT", req.URL, &zeros{size})
	r.ContentLength = size
	w.send(r).is(t, 200)
	put := time.Since(start)
	start = time.Now()
	out, err := w.client("root").GetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: aws.String("k")})
	fails(t, err, "")
	n, err := io.Copy(io.Discard, out.Body)
	if err != nil || n != size {
		t.Fatal(n, err)
	}
	get := time.Since(start)
	close(stop)
	<-done
	t.Logf("%d MiB: put %v, get %v, most heap in use %d MiB", size>>20, put, get, most>>20)
	if most > 40<<20 {
		t.Errorf("%d MiB of heap in use", most>>20)
	}
}

func BenchmarkPutGet(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20} {
		body := bytes.Repeat([]byte("x"), size)
		b.Run(fmt.Sprintf("put-%d", size), func(b *testing.B) {
			c, bucket := benchWorld(b)
			b.SetBytes(int64(size))
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if _, err := c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &bucket, Key: aws.String(fmt.Sprint(i)), Body: bytes.NewReader(body)}); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
		b.Run(fmt.Sprintf("get-%d", size), func(b *testing.B) {
			c, bucket := benchWorld(b)
			if _, err := c.PutObject(ctx, &awss3.PutObjectInput{Bucket: &bucket, Key: aws.String("k"), Body: bytes.NewReader(body)}); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(size))
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					out, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &bucket, Key: aws.String("k")})
					if err != nil {
						b.Fatal(err)
					}
					io.Copy(io.Discard, out.Body)
					out.Body.Close()
				}
			})
		})
	}
}

func benchWorld(b *testing.B) (*awss3.Client, string) {
	w := newWorld(b, storetest.Open(b))
	return w.client("root"), w.bucket("bench", false)
}
