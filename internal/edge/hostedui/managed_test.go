package hostedui

import (
	"encoding/json"
	"regexp"
	"testing"

	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/edge/site"
)

// sheetForm is all that a style without pictures can say.
var sheetForm = regexp.MustCompile(`^((@media \(prefers-color-scheme: (light|dark)\)\{)?:root\{(color-scheme:(light|dark);)?(--[a-z-]+:(#[0-9a-f]{6}([0-9a-f]{2})?|[0-9]{1,3}px|var\(--[a-z]+\));)*\}\}?\n)*$`)

func FuzzStyle(f *testing.F) {
	f.Add([]byte(`{"components":{"primaryButton":{"lightMode":{"defaults":{"backgroundColor":"AABBCCdd"}}}},"categories":{"global":{"colorSchemeMode":"DARK"}}}`))
	f.Add([]byte(`{"components":{"form":{"darkMode":{"backgroundColor":"fff;}*{"}},"pageText":[],"favicon":{"enabledTypes":[{}]}},"categories":7}`))
	f.Fuzz(func(t *testing.T, settings []byte) {
		s, err := newStyle(&cognitoidp.ManagedLoginBrandingType{Settings: json.RawMessage(settings)})
		if err != nil {
			return
		}
		if got := s.sheet(&site.Site{}, "client"); !sheetForm.MatchString(got) {
			t.Errorf("the sheet is %s", got)
		}
	})
}

func TestBoth(t *testing.T) {
	const logo = cognitoidp.AssetCategoryTypeFormLogo
	const light, dark, any = cognitoidp.ColorSchemeModeTypeLight, cognitoidp.ColorSchemeModeTypeDark, cognitoidp.ColorSchemeModeTypeDynamic
	type modes = []cognitoidp.ColorSchemeModeType
	for _, x := range []struct {
		scheme          string
		has             modes
		inLight, inDark cognitoidp.ColorSchemeModeType
	}{
		{"", nil, "", ""}, {"", modes{light, dark, any}, light, dark}, {"", modes{light}, light, light}, {"", modes{dark}, dark, dark}, {"", modes{any, dark}, any, dark},
		{"light", modes{light, dark}, light, light}, {"dark", modes{light, dark}, dark, dark}, {"dark", modes{light}, light, light}, {"light", modes{dark}, dark, dark},
	} {
		s := &style{scheme: x.scheme, pictures: map[place]cognitoidp.AssetExtensionType{}}
		for _, m := range x.has {
			s.pictures[place{logo, m}] = cognitoidp.AssetExtensionTypePng
		}
		if inLight, inDark := s.both(logo); inLight.mode != x.inLight || inDark.mode != x.inDark {
			t.Errorf("scheme %q with %v: %q and %q, want %q and %q", x.scheme, x.has, inLight.mode, inDark.mode, x.inLight, x.inDark)
		}
	}
}
