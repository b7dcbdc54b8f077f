"""MIKASA-Robo's RememberColor tasks on ManiSkill 3, in an environment of their own."""
