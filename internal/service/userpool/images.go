package userpool

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image"
	"io"
	"strings"

	"gatehouse/internal/api/cognitoidp"
)

// isImage reports whether b is of the type that its extension says. What cannot
// be shown would be noticed first by the users of a page.
func isImage(extension cognitoidp.AssetExtensionType, b []byte) bool {
	switch extension {
	case cognitoidp.AssetExtensionTypePng:
		return decodes(b, "png")
	case cognitoidp.AssetExtensionTypeJpeg:
		return decodes(b, "jpeg")
	case cognitoidp.AssetExtensionTypeIco:
		return len(b) > 6 && bytes.HasPrefix(b, []byte{0, 0, 1, 0})
	case cognitoidp.AssetExtensionTypeWebp:
		return len(b) > 12 && bytes.HasPrefix(b, []byte("RIFF")) && string(b[8:12]) == "WEBP"
	case cognitoidp.AssetExtensionTypeSvg:
		return isStillSVG(b)
	}
	return false
}

func decodes(b []byte, format string) bool {
	_, got, err := image.DecodeConfig(bytes.NewReader(b))
	return err == nil && got == format
}

// isStillSVG reports whether b is an SVG image that runs nothing: no scripts,
// no handlers, no foreign content, no document type, no link but into itself or
// to a picture that it holds.
func isStillSVG(b []byte) bool {
	d := xml.NewDecoder(bytes.NewReader(b))
	root := true
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return !root
		}
		if err != nil {
			return false
		}
		switch t := t.(type) {
		case xml.Directive:
			return false
		case xml.ProcInst:
			if t.Target != "xml" {
				return false
			}
		case xml.StartElement:
			if root && t.Name.Local != "svg" {
				return false
			}
			root = false
			if name := strings.ToLower(t.Name.Local); name == "script" || name == "foreignobject" || name == "iframe" || name == "handler" {
				return false
			}
			for _, a := range t.Attr {
				name := strings.ToLower(a.Name.Local)
				if strings.HasPrefix(name, "on") || name == "href" && !strings.HasPrefix(a.Value, "#") && !strings.HasPrefix(a.Value, "data:image/") {
					return false
				}
			}
		}
	}
}
