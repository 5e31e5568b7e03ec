package store

import "time"

// Message is a message to a person: in the outbox from the transaction that
// caused it, delivered afterwards. Body and Code are sealed at rest.
type Message struct {
	ID                      string // orders by time
	At                      time.Time
	Channel                 string // "email" or "sms"
	To, Subject, Body, Code string
	Trigger                 string // CustomMessage_SignUp and its like
	PoolID, Username        string
	State                   string // "pending", "sent", "failed" or "kept" (nobody delivers)
	Attempts                int
	NextAt                  time.Time
}

const messageColumns = `message_id, created_at, channel, recipient, subject, body, code, trigger_source, pool_id, username, state, attempts, next_at`

// InsertMessage puts a message into the outbox.
func InsertMessage(tx *Tx, m *Message) error {
	_, err := tx.exec(`insert into messages (`+messageColumns+`) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		m.ID, micros(m.At), m.Channel, m.To, m.Subject, tx.seal("message body", m.ID, []byte(m.Body)), tx.seal("message code", m.ID, []byte(m.Code)),
		m.Trigger, m.PoolID, m.Username, m.State, m.Attempts, micros(m.NextAt))
	return err
}

func (tx *Tx) messages(query string, args ...any) ([]Message, error) {
	rows, err := tx.query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Message
	for rows.Next() {
		var m Message
		var body, code []byte
		var at, next int64
		if err := rows.Scan(&m.ID, &at, &m.Channel, &m.To, &m.Subject, &body, &code, &m.Trigger, &m.PoolID, &m.Username, &m.State, &m.Attempts, &next); err != nil {
			return nil, err
		}
		if body, err = tx.open("message body", m.ID, body); err != nil {
			return nil, err
		}
		if code, err = tx.open("message code", m.ID, code); err != nil {
			return nil, err
		}
		m.At, m.NextAt, m.Body, m.Code = fromMicros(at), fromMicros(next), string(body), string(code)
		list = append(list, m)
	}
	return list, rows.Err()
}

// Messages lists the outbox, newest first; to, if not empty, selects a recipient.
func Messages(tx *Tx, to string, limit int) ([]Message, error) {
	if to == "" {
		return tx.messages(`select `+messageColumns+` from messages order by message_id desc limit $1`, limit)
	}
	return tx.messages(`select `+messageColumns+` from messages where recipient = $1 order by message_id desc limit $2`, to, limit)
}

// DueMessages are pending messages whose time has come, the oldest first.
func DueMessages(tx *Tx, limit int) ([]Message, error) {
	return tx.messages(`select `+messageColumns+` from messages where state = 'pending' and next_at <= $1 order by next_at, message_id limit $2`, micros(tx.Now), limit)
}

// ClaimMessage takes a due message for one attempt until the given time: of
// several nodes one wins, the others get ErrConflict.
func ClaimMessage(tx *Tx, m *Message, until time.Time) error {
	n, err := tx.exec(`update messages set attempts = attempts + 1, next_at = $3 where message_id = $1 and state = 'pending' and next_at = $2`,
		m.ID, micros(m.NextAt), micros(until))
	if err == nil && n == 0 {
		err = ErrConflict
	}
	return err
}

// SetMessageState records the outcome of an attempt.
func SetMessageState(tx *Tx, id, state string, next time.Time) error {
	_, err := tx.exec(`update messages set state = $2, next_at = $3 where message_id = $1`, id, state, micros(next))
	return err
}

// DeleteMessages removes messages that ended before the given time, at most limit.
func DeleteMessages(tx *Tx, before time.Time, limit int) (int, error) {
	n, err := tx.exec(`delete from messages where message_id in (select message_id from messages where created_at < $1 and state <> 'pending' order by message_id limit $2)`,
		micros(before), limit)
	return int(n), err
}
