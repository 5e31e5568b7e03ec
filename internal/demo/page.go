package demo

import (
	_ "embed"
	"encoding/json"
)

// The sample page of W1. It has no library: the client's half of SRP and the
// signature are in app.js, so that the page works without any other host.
var (
	//go:embed page/index.html
	pageHTML string
	//go:embed page/style.css
	pageCSS string
	//go:embed page/app.js
	pageJS string
)

type pageFile struct{ text, mime string }

// pageFiles are the files of the page, configured for a stack.
func (d *Demo) pageFiles(st stack) map[string]pageFile {
	config, err := json.Marshal(map[string]string{"endpoint": d.target.Endpoint, "region": d.target.Region, "userPoolId": st.pool, "clientId": st.client,
		"identityPoolId": st.identityPool, "bucket": w1Bucket})
	if err != nil {
		panic(err) // a map of strings always marshals
	}
	return map[string]pageFile{
		"index.html":       {pageHTML, "text/html; charset=utf-8"},
		"style.css":        {pageCSS, "text/css; charset=utf-8"},
		"script/app.js":    {pageJS, "text/javascript; charset=utf-8"},
		"script/config.js": {"window.stack = " + string(config) + ";\n", "text/javascript; charset=utf-8"},
	}
}
