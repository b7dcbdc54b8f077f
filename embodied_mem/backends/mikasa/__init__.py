"""MIKASA-Robo's RememberColor and RememberShape on ManiSkill 3, in an environment of their own."""
