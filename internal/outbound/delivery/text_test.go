package delivery

import "testing"

func TestMasks(t *testing.T) {
	for in, want := range map[string]string{"jane@example.com": "j***@e***", "é@ü": "é***@ü***"} {
		if got := MaskEmail(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{"+12065551234": "+*******1234", "+1234": "+****"} {
		if got := MaskPhone(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
