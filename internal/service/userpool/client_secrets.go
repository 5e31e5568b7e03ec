package userpool

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"gatehouse/internal/api"
	"gatehouse/internal/api/cognitoidp"
	"gatehouse/internal/authn/pool"
	"gatehouse/internal/store"
)

// maxSecrets is how many secrets of a client are active at once, so that one
// can be replaced without a moment in which none is right.
const maxSecrets = 2

// changeSecrets changes the secrets of a client inside one transaction.
func (s *Service) changeSecrets(ctx context.Context, poolID, clientID string, change func(c *pool.Client, list []pool.Secret) ([]pool.Secret, error)) error {
	_, err := s.changeClient(ctx, poolID, clientID, func(_ *store.Tx, row *store.UserPoolClient) error {
		c, err := pool.ClientFromRow(row)
		if err != nil {
			return err
		}
		list, err := change(c, c.Secrets)
		if err != nil {
			return err
		}
		row.Secrets, err = json.Marshal(list)
		return err
	})
	return err
}

// AddUserPoolClientSecret gives a client a second secret. Only one that is made
// here is shown, and only now.
func (s *Service) AddUserPoolClientSecret(ctx context.Context, in *cognitoidp.AddUserPoolClientSecretInput) (*cognitoidp.AddUserPoolClientSecretOutput, error) {
	fresh := pool.Secret{Value: string(api.Value(in.ClientSecret)), CreatedAt: s.Now()}
	if in.ClientSecret == nil {
		fresh.Value = randomText(lowerAlnum, 52)
	}
	id := string(*in.ClientId)
	err := s.changeSecrets(ctx, *in.UserPoolId, id, func(_ *pool.Client, list []pool.Secret) ([]pool.Secret, error) {
		if len(list) == 0 {
			return nil, invalid("The client was made without a secret and cannot get one.")
		}
		if len(list) >= maxSecrets {
			return nil, &cognitoidp.LimitExceededException{Message: "A client can have at most 2 active secrets."}
		}
		// The id is the second of the making; two of one second must differ.
		for at := s.Now().Unix(); ; at++ {
			fresh.ID = id + "--" + strconv.FormatInt(at, 10)
			if !slices.ContainsFunc(list, func(x pool.Secret) bool { return x.ID == fresh.ID }) {
				return append(list, fresh), nil
			}
		}
	})
	if err != nil {
		return nil, err
	}
	d := descriptor(fresh)
	if in.ClientSecret == nil {
		d.ClientSecretValue = new(api.Secret(fresh.Value))
	}
	return &cognitoidp.AddUserPoolClientSecretOutput{ClientSecretDescriptor: d}, nil
}

func descriptor(x pool.Secret) *cognitoidp.ClientSecretDescriptorType {
	return &cognitoidp.ClientSecretDescriptorType{ClientSecretId: &x.ID, ClientSecretCreateDate: api.At(x.CreatedAt)}
}

// ListUserPoolClientSecrets lists a client's secrets without their values.
func (s *Service) ListUserPoolClientSecrets(ctx context.Context, in *cognitoidp.ListUserPoolClientSecretsInput) (*cognitoidp.ListUserPoolClientSecretsOutput, error) {
	_, c, err := s.Pools.ClientOf(ctx, *in.UserPoolId, string(*in.ClientId))
	if err != nil {
		return nil, err
	}
	out := &cognitoidp.ListUserPoolClientSecretsOutput{ClientSecrets: []cognitoidp.ClientSecretDescriptorType{}}
	for _, x := range c.Secrets {
		out.ClientSecrets = append(out.ClientSecrets, *descriptor(x))
	}
	return out, nil
}

// DeleteUserPoolClientSecret ends a secret; the last one cannot be deleted.
func (s *Service) DeleteUserPoolClientSecret(ctx context.Context, in *cognitoidp.DeleteUserPoolClientSecretInput) (*cognitoidp.DeleteUserPoolClientSecretOutput, error) {
	err := s.changeSecrets(ctx, *in.UserPoolId, string(*in.ClientId), func(_ *pool.Client, list []pool.Secret) ([]pool.Secret, error) {
		i := slices.IndexFunc(list, func(x pool.Secret) bool { return x.ID == *in.ClientSecretId })
		if i < 0 {
			return nil, &cognitoidp.ResourceNotFoundException{Message: "Client secret " + *in.ClientSecretId + " does not exist."}
		}
		if len(list) == 1 {
			return nil, invalid("The last secret of a client cannot be deleted.")
		}
		return slices.Delete(list, i, i+1), nil
	})
	return &cognitoidp.DeleteUserPoolClientSecretOutput{}, err
}
