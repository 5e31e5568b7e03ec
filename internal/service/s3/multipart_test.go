package s3_test

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc64"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const part = 5 << 20

// upload puts an object in parts of the given sizes and completes it.
func (w *world) upload(bucket, key string, body []byte, create func(*awss3.CreateMultipartUploadInput), sizes ...int) *awss3.CompleteMultipartUploadOutput {
	w.t.Helper()
	c := w.client("root")
	in := &awss3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key}
	create(in)
	up, err := c.CreateMultipartUpload(ctx, in)
	fails(w.t, err, "")
	var parts []types.CompletedPart
	for i, n := range sizes {
		number := aws.Int32(int32(i + 1))
		out, err := c.UploadPart(ctx, &awss3.UploadPartInput{Bucket: &bucket, Key: &key, UploadId: up.UploadId, PartNumber: number, Body: bytes.NewReader(body[:n]), ChecksumAlgorithm: in.ChecksumAlgorithm})
		fails(w.t, err, "")
		body = body[n:]
		parts = append(parts, types.CompletedPart{PartNumber: number, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32, ChecksumCRC32C: out.ChecksumCRC32C,
			ChecksumCRC64NVME: out.ChecksumCRC64NVME, ChecksumSHA1: out.ChecksumSHA1, ChecksumSHA256: out.ChecksumSHA256})
	}
	out, err := c.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{Bucket: &bucket, Key: &key, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	fails(w.t, err, "")
	return out
}

func TestMultipart(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("multipart", false)
		c := w.client("root")
		body := pattern(2*part + 1000)
		out := w.upload(b, "k", body, func(in *awss3.CreateMultipartUploadInput) {
			in.ContentType, in.Metadata = aws.String("text/m"), map[string]string{"m": "1"}
		}, part, part, 1000)
		p1, p2, p3 := md5.Sum(body[:part]), md5.Sum(body[part:2*part]), md5.Sum(body[2*part:])
		want := fmt.Sprintf(`"%x-3"`, md5.Sum(append(append(p1[:], p2[:]...), p3[:]...)))
		if *out.ETag != want {
			t.Errorf("etag %s, want %s", *out.ETag, want)
		}
		if got := w.get(b, "k"); got != string(body) {
			t.Error("bytes differ")
		}
		h, err := c.HeadObject(ctx, &awss3.HeadObjectInput{Bucket: &b, Key: aws.String("k")})
		fails(t, err, "")
		if *h.ContentType != "text/m" || h.Metadata["m"] != "1" || *h.ContentLength != int64(len(body)) {
			t.Errorf("head %+v", h)
		}
		// Across the border of two parts, and a part by its number.
		g, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: aws.String("k"), Range: aws.String(fmt.Sprintf("bytes=%d-%d", part-10, 2*part+9))})
		fails(t, err, "")
		if got := read(t, g.Body); got != string(body[part-10:2*part+10]) {
			t.Error("range across parts differs")
		}
		g, err = c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: aws.String("k"), PartNumber: aws.Int32(3)})
		fails(t, err, "")
		if got := read(t, g.Body); got != string(body[2*part:]) || *g.PartsCount != 3 {
			t.Error("part 3 differs")
		}

		// Copies of it, whole and as parts of another upload, move no bytes.
		blobs := w.blobs()
		_, err = c.CopyObject(ctx, &awss3.CopyObjectInput{Bucket: &b, Key: aws.String("copy"), CopySource: aws.String("multipart/k")})
		fails(t, err, "")
		if got := w.get(b, "copy"); got != string(body) {
			t.Error("copy differs")
		}
		up, err := c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: &b, Key: aws.String("parts")})
		fails(t, err, "")
		var parts []types.CompletedPart
		for i, r := range []string{fmt.Sprintf("bytes=%d-%d", 100, part+99), "bytes=0-9"} {
			cp, err := c.UploadPartCopy(ctx, &awss3.UploadPartCopyInput{Bucket: &b, Key: aws.String("parts"), UploadId: up.UploadId, PartNumber: aws.Int32(int32(i + 1)), CopySource: aws.String("/multipart/k"), CopySourceRange: &r})
			fails(t, err, "")
			parts = append(parts, types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: cp.CopyPartResult.ETag})
		}
		_, err = c.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{Bucket: &b, Key: aws.String("parts"), UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
		fails(t, err, "")
		if got := w.get(b, "parts"); got != string(body[100:part+100])+string(body[:10]) {
			t.Error("object of copied parts differs")
		}
		if n := w.blobs(); n != blobs {
			t.Errorf("%d blobs after copies, %d before", n, blobs)
		}
		for _, k := range []string{"k", "copy", "parts"} {
			if got := w.get(b, k); len(got) == 0 {
				t.Errorf("%s is gone", k)
			}
			_, err = c.DeleteObject(ctx, &awss3.DeleteObjectInput{Bucket: &b, Key: &k})
			fails(t, err, "")
			w.sweep(48 * time.Hour)
		}
		if n := w.blobs(); n != 0 {
			t.Errorf("%d blobs left", n)
		}
	})
}

func TestMultipartChecksums(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("multipart-sums", false)
		c := w.client("root")
		body := pattern(part + 77)
		// A full-object checksum is that of the whole, although no request had
		// the whole.
		table := crc64.MakeTable(0x9a6c9329ac4bc9b5)
		full := base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, crc64.Checksum(body, table)))
		out := w.upload(b, "full", body, func(in *awss3.CreateMultipartUploadInput) {
			in.ChecksumAlgorithm = types.ChecksumAlgorithmCrc64nvme
		}, part, 77)
		if *out.ChecksumCRC64NVME != full || out.ChecksumType != types.ChecksumTypeFullObject {
			t.Errorf("crc64nvme %v %v, want %s", *out.ChecksumCRC64NVME, out.ChecksumType, full)
		}
		for _, alg := range []types.ChecksumAlgorithm{types.ChecksumAlgorithmCrc32, types.ChecksumAlgorithmCrc32c} {
			w.upload(b, "full-"+string(alg), body, func(in *awss3.CreateMultipartUploadInput) {
				in.ChecksumAlgorithm, in.ChecksumType = alg, types.ChecksumTypeFullObject
			}, part, 77)
			g, err := c.GetObject(ctx, &awss3.GetObjectInput{Bucket: &b, Key: aws.String("full-" + string(alg)), ChecksumMode: types.ChecksumModeEnabled})
			fails(t, err, "")
			if got := read(t, g.Body); got != string(body) { // the SDK compares the checksum
				t.Errorf("%s differs", alg)
			}
		}
		out = w.upload(b, "composite", body, func(in *awss3.CreateMultipartUploadInput) {
			in.ChecksumAlgorithm = types.ChecksumAlgorithmSha256
		}, part, 77)
		if s := *out.ChecksumSHA256; s[len(s)-2:] != "-2" || out.ChecksumType != types.ChecksumTypeComposite {
			t.Errorf("composite %s %s", s, out.ChecksumType)
		}
		_, err := c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: &b, Key: aws.String("x"), ChecksumAlgorithm: types.ChecksumAlgorithmSha1, ChecksumType: types.ChecksumTypeFullObject})
		fails(t, err, "InvalidRequest")
	})
}

func TestMultipartRules(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		b := w.bucket("multipart-rules", false)
		c := w.client("root")
		key := aws.String("k")
		up, err := c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: &b, Key: key})
		fails(t, err, "")
		etags := map[int32]*string{}
		for _, n := range []int32{1, 2, 3} {
			out, err := c.UploadPart(ctx, &awss3.UploadPartInput{Bucket: &b, Key: key, UploadId: up.UploadId, PartNumber: &n, Body: bytes.NewReader(pattern(int(n) * 10))})
			fails(t, err, "")
			etags[n] = out.ETag
		}
		complete := func(id *string, parts ...types.CompletedPart) error {
			_, err := c.CompleteMultipartUpload(ctx, &awss3.CompleteMultipartUploadInput{Bucket: &b, Key: key, UploadId: id, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
			return err
		}
		p := func(n int32, etag *string) types.CompletedPart {
			return types.CompletedPart{PartNumber: &n, ETag: etag}
		}
		fails(t, complete(up.UploadId, p(1, etags[1]), p(2, etags[2])), "EntityTooSmall")
		fails(t, complete(up.UploadId, p(2, etags[2]), p(1, etags[1])), "InvalidPartOrder")
		fails(t, complete(up.UploadId, p(1, etags[2])), "InvalidPart")
		fails(t, complete(up.UploadId, p(9, etags[2])), "InvalidPart")
		fails(t, complete(up.UploadId), "MalformedXML")
		fails(t, complete(aws.String("nonsense"), p(1, etags[1])), "NoSuchUpload")
		_, err = c.UploadPart(ctx, &awss3.UploadPartInput{Bucket: &b, Key: key, UploadId: up.UploadId, PartNumber: aws.Int32(10001), Body: bytes.NewReader(nil)})
		fails(t, err, "InvalidArgument")

		list, err := c.ListParts(ctx, &awss3.ListPartsInput{Bucket: &b, Key: key, UploadId: up.UploadId, MaxParts: aws.Int32(2)})
		fails(t, err, "")
		if len(list.Parts) != 2 || !*list.IsTruncated || *list.NextPartNumberMarker != "2" || *list.Parts[1].Size != 20 {
			t.Errorf("parts %+v", list)
		}
		list, err = c.ListParts(ctx, &awss3.ListPartsInput{Bucket: &b, Key: key, UploadId: up.UploadId, PartNumberMarker: list.NextPartNumberMarker})
		fails(t, err, "")
		if len(list.Parts) != 1 || *list.Parts[0].PartNumber != 3 {
			t.Errorf("parts %+v", list.Parts)
		}

		// Only one of the parts is used; the bytes of the others go.
		fails(t, complete(up.UploadId, p(2, etags[2])), "")
		if w.get(b, "k") != string(pattern(20)) {
			t.Error("completed object differs")
		}
		w.sweep(48 * time.Hour)
		if n := w.blobs(); n != 1 {
			t.Errorf("%d blobs, want 1", n)
		}
		fails(t, complete(up.UploadId, p(2, etags[2])), "NoSuchUpload")

		for _, k := range []string{"a/1", "a/2", "b", "c"} {
			for range 2 {
				_, err := c.CreateMultipartUpload(ctx, &awss3.CreateMultipartUploadInput{Bucket: &b, Key: &k})
				fails(t, err, "")
			}
		}
		var got []string
		in := &awss3.ListMultipartUploadsInput{Bucket: &b, MaxUploads: aws.Int32(2), Delimiter: aws.String("/")}
		for {
			out, err := c.ListMultipartUploads(ctx, in)
			fails(t, err, "")
			for _, u := range out.Uploads {
				got = append(got, *u.Key)
				_, err = c.AbortMultipartUpload(ctx, &awss3.AbortMultipartUploadInput{Bucket: &b, Key: u.Key, UploadId: u.UploadId})
				fails(t, err, "")
			}
			for _, p := range out.CommonPrefixes {
				got = append(got, *p.Prefix)
			}
			if !*out.IsTruncated {
				break
			}
			in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
		}
		slices.Sort(got)
		if fmt.Sprint(got) != "[a/ b b c c]" {
			t.Errorf("uploads %v", got)
		}
	})
}
