package profiles

// RoleChain resolves a profile that is not in the files: a role with these settings, such as
// role_arn and source_profile. name is the profile's name in errors, whose hints do not apply to
// it. The region is that of the source profile, if settings have none.
func (f *Files) RoleChain(name string, settings map[string]string) (Chain, error) {
	s := Section{Name: name, Properties: map[string]Property{}}
	for key, value := range settings {
		if value != "" {
			s.Properties[key] = Property{Value: value, File: ConfigFile}
		}
	}
	if source, err := f.Profile(s.Get("source_profile")); err == nil && s.Get("region") == "" {
		if region, ok := source.Properties["region"]; ok {
			s.Properties["region"] = region
		}
	}
	r := resolver{files: f, path: []string{name}}
	c, err := r.resolve(f.settings(s), true)
	if err != nil {
		return c, forProfile(name, err)
	}
	c.Profile = s
	c.ConfigPath, c.CredentialsPath = f.config.path, f.credentials.path
	return c, forProfile(name, r.setSourceProfile(&c))
}
