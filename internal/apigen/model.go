package main

import "encoding/json"

// model is a service-2.json file, as far as the generator reads it.
type model struct {
	Metadata struct {
		APIVersion      string `json:"apiVersion"`
		EndpointPrefix  string `json:"endpointPrefix"`
		Protocol        string `json:"protocol"`
		ServiceFullName string `json:"serviceFullName"`
		TargetPrefix    string `json:"targetPrefix"`
		XMLNamespace    string `json:"xmlNamespace"`
	} `json:"metadata"`
	Operations map[string]*operation `json:"operations"`
	Shapes     map[string]*shape     `json:"shapes"`
}

type operation struct {
	Name string `json:"name"`
	HTTP struct {
		Method       string `json:"method"`
		RequestURI   string `json:"requestUri"`
		ResponseCode int    `json:"responseCode"`
	} `json:"http"`
	Input    *reference  `json:"input"`
	Output   *reference  `json:"output"`
	Errors   []reference `json:"errors"`
	AuthType string      `json:"authtype"`
}

type reference struct {
	Shape        string `json:"shape"`
	Location     string `json:"location"`
	LocationName string `json:"locationName"`
	Flattened    bool   `json:"flattened"`
}

type shape struct {
	Type      string       `json:"type"`
	Members   members      `json:"members"`
	Required  []string     `json:"required"`
	Member    *reference   `json:"member"`
	Key       *reference   `json:"key"`
	Value     *reference   `json:"value"`
	Enum      []string     `json:"enum"`
	Pattern   string       `json:"pattern"`
	Min       *json.Number `json:"min"`
	Max       *json.Number `json:"max"`
	Sensitive bool         `json:"sensitive"`
	Document  bool         `json:"document"`
	Exception bool         `json:"exception"`
	Fault     bool         `json:"fault"`
	Payload   string       `json:"payload"`
	Error     *struct {
		Code           string `json:"code"`
		HTTPStatusCode int    `json:"httpStatusCode"`
	} `json:"error"`
}

// members keeps the order of the file, which is the order of the messages.
type members []member

type member struct {
	Name string
	reference
}

func (m *members) UnmarshalJSON(data []byte) error {
	var byName map[string]reference
	if err := json.Unmarshal(data, &byName); err != nil {
		return err
	}
	names, err := objectKeys(data)
	if err != nil {
		return err
	}
	for _, n := range names {
		*m = append(*m, member{n, byName[n]})
	}
	return nil
}
