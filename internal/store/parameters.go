package store

import (
	"strconv"
	"time"
)

// A Parameter is a parameter of SSM Parameter Store.
type Parameter struct {
	Region  string
	Key     string // the name without the slash at its beginning
	Name    string // as it was given
	Version int64  // the newest
	Tags    string // a text of the service's
}

// A ParameterVersion is what a parameter was from one PutParameter to the next.
type ParameterVersion struct {
	Number    int64
	Settings  string // a text of the service's
	Labels    string // a text of the service's
	CreatedAt time.Time
	// Value is sealed at rest, whatever the type of the parameter.
	Value string
	// Sealed is the value as it is at rest: what who may not read a
	// SecureString is shown. Only for reading.
	Sealed []byte
}

const (
	parameterColumns = `region, key, name, version, tags`
	versionColumns   = `version, settings, labels, value, created_at`
	parameterPurpose = "ssm parameter"
)

// parameterIdentity binds a sealed value to its row. A region has no slash.
func parameterIdentity(region, key string, version int64) string {
	return region + "/" + strconv.FormatInt(version, 10) + "/" + key
}

func scanParameter(row scanner) (*Parameter, error) {
	p := &Parameter{}
	return p, row.Scan(&p.Region, &p.Key, &p.Name, &p.Version, &p.Tags)
}

// InsertParameter adds a parameter without versions. One that is there is
// ErrConflict.
func InsertParameter(tx *Tx, p *Parameter) error {
	_, err := tx.exec(`insert into ssm_parameters (`+parameterColumns+`) values ($1, $2, $3, $4, $5)`, p.Region, p.Key, p.Name, p.Version, p.Tags)
	return err
}

// ParameterByKey is the parameter, or ErrNotFound.
func ParameterByKey(tx *Tx, region, key string) (*Parameter, error) {
	return scanParameter(tx.queryRow(`select `+parameterColumns+` from ssm_parameters where region = $1 and key = $2`, region, key))
}

// Parameters lists up to limit parameters of a region by key: those after one
// key and, unless before is empty, before another.
func Parameters(tx *Tx, region, after, before string, limit int) ([]*Parameter, error) {
	if before == "" {
		return collect(tx, scanParameter, `select `+parameterColumns+` from ssm_parameters where region = $1 and key > $2 order by key limit $3`, region, after, limit)
	}
	return collect(tx, scanParameter, `select `+parameterColumns+` from ssm_parameters where region = $1 and key > $2 and key < $3 order by key limit $4`,
		region, after, before, limit)
}

// AnyParameter is the key of a parameter, of any region, behind a key and before
// another; ErrNotFound when there is none.
func AnyParameter(tx *Tx, after, before string) (key string, err error) {
	err = tx.queryRow(`select key from ssm_parameters where key > $1 and key < $2 limit 1`, after, before).Scan(&key)
	return key, err
}

// UpdateParameter writes version and tags.
func UpdateParameter(tx *Tx, p *Parameter) error {
	return tx.execOne(`update ssm_parameters set version = $3, tags = $4 where region = $1 and key = $2`, p.Region, p.Key, p.Version, p.Tags)
}

// DeleteParameter removes a parameter with its versions. None is ErrNotFound.
func DeleteParameter(tx *Tx, region, key string) error {
	if err := tx.execOne(`delete from ssm_parameters where region = $1 and key = $2`, region, key); err != nil {
		return err
	}
	_, err := tx.exec(`delete from ssm_parameter_versions where region = $1 and key = $2`, region, key)
	return err
}

func (tx *Tx) scanParameterVersion(p *Parameter) func(scanner) (*ParameterVersion, error) {
	return func(row scanner) (*ParameterVersion, error) {
		v := &ParameterVersion{}
		var created int64
		if err := row.Scan(&v.Number, &v.Settings, &v.Labels, &v.Sealed, &created); err != nil {
			return nil, err
		}
		value, err := tx.open(parameterPurpose, parameterIdentity(p.Region, p.Key, v.Number), v.Sealed)
		v.Value, v.CreatedAt = string(value), fromMicros(created)
		return v, err
	}
}

// InsertParameterVersion adds a version. CreatedAt is the transaction's time.
func InsertParameterVersion(tx *Tx, p *Parameter, v *ParameterVersion) error {
	_, err := tx.exec(`insert into ssm_parameter_versions (region, key, `+versionColumns+`) values ($1, $2, $3, $4, $5, $6, $7)`,
		p.Region, p.Key, v.Number, v.Settings, v.Labels, tx.seal(parameterPurpose, parameterIdentity(p.Region, p.Key, v.Number), []byte(v.Value)), micros(tx.Now))
	return err
}

// ParameterVersionByNumber is a version, or ErrNotFound.
func ParameterVersionByNumber(tx *Tx, p *Parameter, number int64) (*ParameterVersion, error) {
	return tx.scanParameterVersion(p)(tx.queryRow(`select `+versionColumns+` from ssm_parameter_versions where region = $1 and key = $2 and version = $3`,
		p.Region, p.Key, number))
}

// ParameterVersions lists up to limit versions after a number, the oldest
// first.
func ParameterVersions(tx *Tx, p *Parameter, after int64, limit int) ([]*ParameterVersion, error) {
	return collect(tx, tx.scanParameterVersion(p), `select `+versionColumns+` from ssm_parameter_versions
		where region = $1 and key = $2 and version > $3 order by version limit $4`, p.Region, p.Key, after, limit)
}

// SetParameterLabels writes the labels of a version.
func SetParameterLabels(tx *Tx, p *Parameter, number int64, labels string) error {
	return tx.execOne(`update ssm_parameter_versions set labels = $4 where region = $1 and key = $2 and version = $3`, p.Region, p.Key, number, labels)
}

// DeleteParameterVersion removes one version.
func DeleteParameterVersion(tx *Tx, p *Parameter, number int64) error {
	return tx.execOne(`delete from ssm_parameter_versions where region = $1 and key = $2 and version = $3`, p.Region, p.Key, number)
}
